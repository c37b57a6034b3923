// The content security policy of our page, as header text. Nothing is loaded from anywhere but the app itself.

/**
 * The policy of the page served over the app's own protocol. `nonce` admits the two small style elements that
 * React Aria makes; style attributes are set by its positioning code.
 */
export function pagePolicy(nonce: string): string {
  return policy({
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": `'self' 'nonce-${nonce}'`,
    "style-src-attr": "'unsafe-inline'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "worker-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
  });
}

/** The policy while the development server serves the page: its client uses inline scripts, styles and a socket. */
export function developmentPolicy(server: URL): string {
  const socket = `ws://${server.host}`;
  return policy({
    "default-src": "'none'",
    "script-src": "'self' 'unsafe-inline'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data:",
    "font-src": "'self' data:",
    "worker-src": "'self' blob:",
    "connect-src": `'self' ${socket}`,
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
  });
}

function policy(directives: Readonly<Record<string, string>>): string {
  return Object.entries(directives)
    .map(([name, sources]) => `${name} ${sources}`)
    .join("; ");
}

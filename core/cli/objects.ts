// --object TYPE,id=ID,KEY=VALUE or --object {JSON}: what the peer's programs define beside images. Secrets are read and
// checked; no format here is encrypted yet, so nothing asks for one. Other types are refused.
import { createDecipheriv } from "node:crypto";
import * as fs from "node:fs";
import { asBlockError } from "../base/errors.ts";
import { parseOptionJson } from "../base/optionJson.ts";
import { systemError } from "../protocol/systemError.ts";
import { isOptions } from "../spec.ts";
import { CliError } from "./command.ts";
import { splitItems } from "./imageOpts.ts";
import { stdout } from "./output.ts";

export interface Objects {
  /** The list of types was asked for and has been printed: the command ends with success. */
  readonly helped: boolean;
  /** Secrets by id. */
  readonly secrets: ReadonlyMap<string, Uint8Array>;
}

/** Defines what every --object of a command says. Throws CliError in the peer's words with that exit code. */
export function defineObjects(given: readonly string[], exitCode: number): Objects {
  const secrets = new Map<string, Uint8Array>();
  try {
    for (const text of given) {
      if (text === "help" || text === "?") {
        stdout.line("List of user creatable objects:\n  secret");
        return { helped: true, secrets };
      }
      define(propertiesOf(text), secrets);
    }
  } catch (error) {
    if (error instanceof CliError)
      throw new CliError(error.message, exitCode, error.hint, { ...peerHintOf(error) });
    throw error;
  }
  return { helped: false, secrets };
}

function peerHintOf({ peerHint }: CliError): { peerHint?: string } {
  return peerHint === undefined ? {} : { peerHint };
}

type Properties = ReadonlyMap<string, string>;

function refused(message: string, hint?: string): CliError {
  return new CliError(message, 1, hint);
}

function propertiesOf(text: string): Properties {
  if (text.startsWith("{")) return jsonProperties(text);
  const properties = new Map<string, string>();
  for (const [i, item] of splitItems(text).entries()) {
    if (item === "") continue;
    const equals = item.indexOf("=");
    if (equals === -1 && i > 0) throw refused(`Expected '=' after parameter '${item}'`);
    properties.set(equals === -1 ? "qom-type" : item.slice(0, equals), item.slice(equals + 1));
  }
  return properties;
}

function jsonProperties(text: string): Properties {
  let value: unknown;
  try {
    value = parseOptionJson(text);
  } catch (error) {
    throw refused(asBlockError(error).message.replace("Could not parse the JSON options: ", ""));
  }
  const entries = isOptions(value) ? Object.entries(value) : [];
  return new Map(
    entries.map(([key, member]) => {
      if (typeof member === "string") return [key, member];
      throw refused(`Invalid parameter type for '${key}', expected: string`);
    }),
  );
}

function define(properties: Properties, secrets: Map<string, Uint8Array>): void {
  const type = needed(properties, "qom-type");
  // The peer reads the id before it looks at what else there is.
  if (!otherTypes.has(type) && type !== "secret") {
    throw refused(`Parameter 'qom-type' does not accept value '${type}'`, "The only type here is secret.");
  }
  const id = needed(properties, "id");
  if (type !== "secret") throw refused(`invalid object type: ${type}`, "The only type here is secret.");
  const value = readSecret(properties, secrets);
  if (!/^[A-Za-z][A-Za-z0-9._-]*$/.test(id)) {
    const hint = "Identifiers consist of letters, digits, '-', '.', '_', starting with a letter.";
    throw new CliError("Parameter 'id' expects an identifier", 1, hint, { peerHint: hint });
  }
  if (secrets.has(id))
    throw refused(`attempt to add duplicate property '${id}' to object (type 'container')`);
  secrets.set(id, value);
}

function needed(properties: Properties, name: string): string {
  const value = properties.get(name);
  if (value !== undefined) return value;
  throw refused(`Parameter '${name}' is missing`);
}

const known = new Set(["qom-type", "id", "data", "file", "format", "keyid", "iv"]);

function readSecret(properties: Properties, secrets: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const unknown = [...properties.keys()].find((key) => !known.has(key));
  if (unknown !== undefined) throw refused(`Parameter '${unknown}' is unexpected`);
  const format = properties.get("format") ?? "raw";
  if (format !== "raw" && format !== "base64") {
    throw refused(`Parameter 'format' does not accept value '${format}'`, "It is raw or base64.");
  }
  const input = inputOf(properties);
  const keyId = properties.get("keyid");
  if (keyId === undefined) return format === "base64" ? fromBase64(input) : input;
  const key = secrets.get(keyId);
  if (key === undefined) throw refused(`No secret with id '${keyId}'`, "Define it before.");
  return decrypted(format === "base64" ? fromBase64(input) : input, key, properties.get("iv"));
}

/** Longer files are no secrets. */
const longest = 1024 * 1024;

function inputOf(properties: Properties): Uint8Array {
  const [data, file] = [properties.get("data"), properties.get("file")];
  if (data !== undefined && file !== undefined) throw refused("'file' and 'data' are mutually exclusive");
  if (data !== undefined) return Buffer.from(data);
  if (file === undefined) throw refused("Either 'file' or 'data' must be provided");
  try {
    if (fs.statSync(file).size > longest)
      throw refused(`Unable to read ${file}: it is longer than any secret`);
    return fs.readFileSync(file);
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw refused(systemError(`Unable to read ${file}: Failed to open file “${file}”`, error, {}).message);
  }
}

function fromBase64(input: Uint8Array): Uint8Array {
  const text = Buffer.from(input).toString("latin1").replace(/\s/g, "");
  if (!/^[A-Za-z0-9+/]*=*$/.test(text)) throw refused("Base64 data contains invalid characters");
  return Buffer.from(text, "base64");
}

/** AES-256 in CBC mode, padded as PKCS#7. */
function decrypted(data: Uint8Array, key: Uint8Array, iv: string | undefined): Uint8Array {
  if (iv === undefined) throw refused("IV is required to decrypt secret");
  const start = fromBase64(Buffer.from(iv));
  if (start.length !== 16) throw refused(`IV should be 16 bytes in length not ${start.length}`);
  if (key.length !== 32) throw refused(`The key of a secret has 32 bytes, not ${key.length}`);
  try {
    const cipher = createDecipheriv("aes-256-cbc", key, start);
    return Buffer.concat([cipher.update(data), cipher.final()]);
  } catch {
    throw refused("The secret could not be decrypted with that key");
  }
}

/** Types the peer has and this program does not. */
const otherTypes = new Set([
  ..."authz-list authz-list-file authz-pam authz-simple can-bus can-host-socketcan colo-compare".split(" "),
  ..."cryptodev-backend cryptodev-backend-builtin cryptodev-vhost-user dbus-vmstate filter-buffer".split(" "),
  ..."filter-dump filter-mirror filter-redirector filter-replay filter-rewriter input-barrier".split(" "),
  ..."input-linux iothread main-loop memory-backend-epc memory-backend-file memory-backend-memfd".split(" "),
  ..."memory-backend-ram pef-guest pr-manager-helper qtest rng-builtin rng-egd rng-random".split(" "),
  ..."secret_keyring sev-guest thread-context s390-pv-guest throttle-group tls-cipher-suites".split(" "),
  ..."tls-creds-anon tls-creds-psk tls-creds-x509 x-remote-object x-vfio-user-server".split(" "),
]);

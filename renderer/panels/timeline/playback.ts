// Plays a log: the scrub line moves on by itself, at so many entries a second.
import type { TimelineSession } from "./session.ts";

const fastestTickMs = 50;

export class Playback {
  readonly #session: TimelineSession;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(session: TimelineSession) {
    this.#session = session;
  }

  play(): void {
    const { shown, entry, rate } = this.#session.store.getState();
    if (shown === undefined || shown.summary.entries === 0) return;
    if (entry >= shown.summary.entries - 1) this.#session.goTo(0);
    this.#session.store.setState({ playing: true });
    clearInterval(this.#timer);
    const tick = Math.max(fastestTickMs, 1000 / rate);
    this.#timer = setInterval(() => this.#playOn(Math.max(1, Math.round((rate * tick) / 1000))), tick);
  }

  #playOn(by: number): void {
    const { entry, shown, following } = this.#session.store.getState();
    const last = (shown?.summary.entries ?? 0) - 1;
    if (entry >= last && !following) this.pause();
    else void this.#session.step(by);
  }

  pause(): void {
    clearInterval(this.#timer);
    if (this.#session.store.getState().playing) this.#session.store.setState({ playing: false });
  }

  setRate(rate: number): void {
    this.#session.store.setState({ rate });
    if (this.#session.store.getState().playing) this.play();
  }
}

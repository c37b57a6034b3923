// Smoothing of speed and time left, with values worked out by hand.
import { describe, expect, it } from "vitest";
import { nextRate, type Rate, startRate, timeLeftMs } from "../../../renderer/store/rate.ts";

const MiB = 1024 ** 2;

/** A job at a steady speed, reported every `stepMs`. */
function steady(bytesPerSecond: number, seconds: number, stepMs: number): Rate {
  let rate = startRate({ at: 1000, done: 0, bytesRead: 0 });
  for (let at = stepMs; at <= seconds * 1000; at += stepMs) {
    const done = (bytesPerSecond * at) / 1000;
    rate = nextRate(rate, { at: 1000 + at, done, bytesRead: done / 2 });
  }
  return rate;
}

describe("speed", () => {
  it("is the plain quotient at a steady speed, however often it is reported", () => {
    for (const stepMs of [100, 250, 1000]) {
      const rate = steady(100 * MiB, 5, stepMs);
      expect(rate.donePerSecond).toBeCloseTo(100 * MiB, 3);
      expect(rate.readPerSecond).toBeCloseTo(50 * MiB, 3);
    }
  });

  it("follows a step to 63 % after three seconds", () => {
    let rate = nextRate(startRate({ at: 0, done: 0, bytesRead: 0 }), { at: 1000, done: 0, bytesRead: 0 });
    for (let second = 1; second <= 3; second++) {
      rate = nextRate(rate, { at: 1000 + second * 1000, done: second * 1000, bytesRead: 0 });
    }
    // 1 - e^(-3/3) = 0.632 of 1,000 bytes a second.
    expect(rate.donePerSecond).toBeCloseTo(632.12, 1);
  });

  it("ignores messages that come in a burst", () => {
    const rate = steady(MiB, 2, 100);
    const same = nextRate(rate, { at: rate.last.at + 1, done: rate.last.done + 50 * MiB, bytesRead: 0 });
    expect(same).toBe(rate);
  });

  it("is never negative, even if a job reports less than before", () => {
    const rate = nextRate(startRate({ at: 0, done: 100, bytesRead: 100 }), {
      at: 1000,
      done: 0,
      bytesRead: 0,
    });
    expect(rate.donePerSecond).toBe(0);
  });
});

describe("time left", () => {
  it("is not said in the first three seconds", () => {
    expect(timeLeftMs(steady(MiB, 2.9, 100), 100 * MiB)).toBeUndefined();
  });

  it("is what remains at the present speed: 90 MiB at 10 MiB/s after 4 s leaves 5 s", () => {
    expect(timeLeftMs(steady(10 * MiB, 4, 200), 90 * MiB)).toBeCloseTo(5000, 3);
  });

  it("is not said while nothing moves, and is 0 past the end", () => {
    expect(timeLeftMs(steady(0, 5, 200), MiB)).toBeUndefined();
    expect(timeLeftMs(steady(MiB, 5, 200), MiB)).toBe(0);
  });
});

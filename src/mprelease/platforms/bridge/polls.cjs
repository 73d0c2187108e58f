"use strict";

// The tools ask a platform in a fixed rhythm how far a build is, the first time after a whole period.
// Most builds are ready sooner: the first periods are shorter here. The number of requests that a
// tool makes at most, and its later periods, stay as they are.

/** Shorten the periods of the tool's interval of `period` ms to `first` (ms), later ones stay. */
function hastenInterval(period, first) {
  const { setInterval, clearInterval, setTimeout, clearTimeout } = globalThis;
  const running = new WeakMap();
  globalThis.setInterval = (call, ms, ...rest) => {
    if (ms !== period) return setInterval(call, ms, ...rest);
    const left = [...first];
    const handle = { ref: () => handle, unref: () => handle };
    const next = () => {
      const turn = () => {
        next();
        call(...rest);
      };
      running.set(handle, setTimeout(turn, left.shift() ?? period));
    };
    next();
    return handle;
  };
  globalThis.clearInterval = (handle) => {
    const timer = running.get(handle);
    return timer ? clearTimeout(timer) : clearInterval(handle);
  };
}

/**
 * Shorten the tool's pauses of `period` ms to `first` (ms), later ones stay. Return a function that
 * begins anew, for another thing that the tool waits for.
 */
function hastenPauses(period, first) {
  const { setTimeout } = globalThis;
  let left = [];
  const hastened = (call, ms, ...rest) =>
    setTimeout(call, ms === period ? (left.shift() ?? period) : ms, ...rest);
  globalThis.setTimeout = Object.defineProperties(hastened, Object.getOwnPropertyDescriptors(setTimeout));
  return () => {
    left = [...first];
  };
}

module.exports = { hastenInterval, hastenPauses };

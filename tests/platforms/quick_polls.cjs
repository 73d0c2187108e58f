"use strict";

// minidev asks Alipay every 4 s how far a build or an experience version is (sooner at first: see
// polls.cjs of the bridges), and 28 s long for the log of a build that failed. The simulator has
// nothing to wait for. Other times stay as they are.

const POLLS = [1000, 2000, 4000];
const QUICK = 200;

const { setTimeout } = globalThis;
globalThis.setTimeout = Object.assign(
  (call, ms, ...rest) => setTimeout(call, POLLS.includes(ms) ? QUICK : ms, ...rest),
  setTimeout,
);

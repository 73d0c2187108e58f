"use strict";

// Stands between tt-ide-cli and the network: holds back what would be sent until it may be, goes
// through the proxy with certificates verified, and keeps the platform's own words, of which the
// tool hands on only a part.

const channels = require("node:diagnostics_channel");
const http = require("node:http");
const https = require("node:https");
const zlib = require("node:zlib");
const { awaitGo, progress } = require("./protocol.cjs");

// What the tool asks before it sends. Whatever else it calls has to wait for "go".
const QUESTION = /^(GET |POST developer\.toutiao\.com\/passport\/)/;
const DECODERS = {
  gzip: zlib.gunzipSync,
  deflate: zlib.inflateSync,
  br: zlib.brotliDecompressSync,
};

const state = { sent: false, call: null, reply: null };
let told;
let refusal; // ours; the tool may wrap whatever is thrown in an error of its own

/** Watch every call from now on; has to come before the tool is loaded. */
function watch() {
  for (const protocol of [http, https]) {
    const request = protocol.request;
    protocol.request = (options, ...rest) => {
      before(options);
      return listen(request(options, ...rest));
    };
  }
  // Another version of the tool might call by other means, of which we could hold back nothing.
  channels.subscribe("undici:request:create", () => {
    throw new Error("the tool would have sent without asking");
  });
}

/**
 * Go through a proxy. The tool would stop verifying certificates if it knew the proxy; it knows
 * none, brings no agent of its own, and so takes Node's global one, which verifies.
 */
function goThrough(proxyAgent) {
  https.globalAgent = proxyAgent;
}

/** Return why nothing was sent, if it was our doing. */
function ownRefusal() {
  return refusal;
}

function before({ method, hostname, path, agent, rejectUnauthorized }) {
  const call = `${method} ${hostname}${String(path).split("?")[0]}`;
  if (agent || rejectUnauthorized === false) {
    refuse(new Error("the tool would not have verified the platform's certificate"));
  }
  if (!QUESTION.test(call) && !state.sent) pause();
  if (call !== told) progress(call);
  told = call;
  Object.assign(state, { call, reply: null });
}

function pause() {
  try {
    awaitGo();
  } catch (error) {
    refuse(error);
  }
  // From here on the platform may hold what was sent, whatever we hear of it.
  state.sent = true;
}

function refuse(error) {
  refusal = error;
  throw error;
}

function listen(request) {
  return request.once("response", (response) => {
    const parts = [];
    response.on("data", (part) => parts.push(part));
    response.once("end", () => {
      const decode = DECODERS[response.headers["content-encoding"]] ?? ((body) => body);
      const text = decode(Buffer.concat(parts)).toString("utf8").slice(0, 4000);
      state.reply = { status: response.statusCode, text };
    });
  });
}

module.exports = { goThrough, ownRefusal, state, watch };

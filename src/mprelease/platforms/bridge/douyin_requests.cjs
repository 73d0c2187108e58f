"use strict";

// Intercepts the requests of tt-ide-cli: blocks before the first one that sends until "go", uses the
// proxy with verification of certificates, and keeps the platform's responses, of which the tool
// passes on only a part.

const channels = require("node:diagnostics_channel");
const http = require("node:http");
const https = require("node:https");
const zlib = require("node:zlib");
const { awaitGo, progress } = require("./protocol.cjs");

// Requests that send nothing of the release. All others have to wait for "go".
const QUERY = /^(GET |POST developer\.toutiao\.com\/passport\/)/;
const DECODERS = {
  gzip: zlib.gunzipSync,
  deflate: zlib.inflateSync,
  br: zlib.brotliDecompressSync,
};

const state = { sent: false, call: null, reply: null };
let lastReported;
let refusal; // the bridge's; the tool may wrap exceptions in errors of its own

/** Intercept all requests; call before the tool is loaded. */
function watch() {
  for (const protocol of [http, https]) {
    const request = protocol.request;
    protocol.request = (options, ...rest) => {
      before(options);
      return listen(request(options, ...rest));
    };
  }
  // Another version of the tool might send by means that are not intercepted.
  channels.subscribe("undici:request:create", () => {
    throw new Error("the tool would have sent without asking");
  });
}

/**
 * Use a proxy. With its own proxy setting the tool would not verify certificates; without one it
 * uses Node's global agent, which verifies them.
 */
function goThrough(proxyAgent) {
  https.globalAgent = proxyAgent;
}

/** Return the error by which the bridge has prevented sending, if it has. */
function ownRefusal() {
  return refusal;
}

function before({ method, hostname, path, agent, rejectUnauthorized }) {
  const call = `${method} ${hostname}${String(path).split("?")[0]}`;
  if (agent || rejectUnauthorized === false) {
    refuse(new Error("the tool would not have verified the platform's certificate"));
  }
  if (!QUERY.test(call) && !state.sent) pause();
  if (call !== lastReported) progress(call);
  lastReported = call;
  Object.assign(state, { call, reply: null });
}

function pause() {
  try {
    awaitGo();
  } catch (error) {
    refuse(error);
  }
  // From now on the platform may have received the release, even without a response.
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

"use strict";

// Intercepts minidev's requests: blocks before the first one that sends until "go", and keeps the
// platform's responses, of which the tool passes on only a part, or nothing.

const channels = require("node:diagnostics_channel");
const { EventEmitter } = require("node:events");
const http = require("node:http");
const https = require("node:https");
const net = require("node:net");
const zlib = require("node:zlib");
const { awaitGo, progress } = require("./protocol.cjs");

// Part of the tool's telemetry cannot be disabled. It ignores the proxy, and sends paths of this
// machine and its MAC address to the vendor.
const TELEMETRY = "mdap.alipay.com";
const SERVICE = "/cli/miniapp/"; // responses of other paths are not read here
const LONGEST_REPLY = 4000;
const DECODERS = {
  gzip: zlib.gunzipSync,
  deflate: zlib.inflateSync,
  br: zlib.brotliDecompressSync,
};

// Errors of Node if a connection was not established: nothing can have arrived.
const UNCONNECTED = /^(connect|getaddrinfo)$/;
const UNTRUSTED = /CERT|^UNABLE_TO_VERIFY/;

/** The last request, whether anything was sent, and the response to the last request. */
const state = { call: null, sent: false, reply: null };
let allowed = false;

/** Emits the text of each response, with the last part of the path as the event's name. */
const answers = new EventEmitter();

/** Intercept all requests; call before the tool is loaded. `stop` ends the process. */
function watch(stop) {
  for (const protocol of [http, https]) {
    const request = protocol.request;
    protocol.request = (...given) => {
      const call = nameOf(given);
      if (call.host === TELEMETRY) return unsent(request);
      const isFirst = before(call, stop);
      const made = listen(call, request(...given));
      return isFirst ? made.once("error", resetIfUnsent) : made;
    };
  }
  // Another version of the tool might send by means that are not intercepted: end before it does.
  const stopUnallowed = ({ request }) => {
    if (!allowed && isSending(request.method)) {
      stop(new Error("the tool would have sent without asking"));
    }
  };
  channels.subscribe("undici:request:create", stopUnallowed);
  channels.subscribe("http.client.request.start", stopUnallowed);
}

function unsent(request) {
  const ignore = () => {};
  const createConnection = () => new net.Socket().on("error", ignore).destroy(new Error("unsent"));
  return request({ createConnection }).on("error", ignore);
}

// The tool queries by GET, and sends by POST. Its proxy agent opens tunnels by CONNECT.
function isSending(method) {
  return !["GET", "HEAD", "CONNECT"].includes(method ?? "GET");
}

// Returns whether this is the first request that sends something; blocks before it until "go".
function before({ method, host, path }, stop) {
  const isFirst = isSending(method) && !state.sent;
  if (isFirst && !allowed) {
    try {
      awaitGo();
    } catch (error) {
      stop(error);
    }
    allowed = true;
  }
  // From now on the platform may have received the release, even without a response.
  state.sent ||= isFirst;
  const call = `${method} ${host}${path}`;
  if (call !== state.call) progress(call);
  Object.assign(state, { call, reply: null });
  return isFirst;
}

function resetIfUnsent({ code = "", syscall = "" }) {
  if (UNCONNECTED.test(syscall) || UNTRUSTED.test(code)) state.sent = false;
}

function listen({ path }, request) {
  return request.once("response", (response) => {
    const parts = [];
    state.reply = { status: response.statusCode, text: "" };
    // A "data" listener starts the stream; only for these paths the tool has its own listener by now.
    if (!path.startsWith(SERVICE)) return;
    state.reply = null;
    response.on("data", (part) => parts.push(part));
    response.once("end", () => {
      const text = textOf(response, Buffer.concat(parts)).slice(0, LONGEST_REPLY);
      state.reply = { status: response.statusCode, text };
      answers.emit(path.split("/").at(-1), text);
    });
  });
}

function textOf(response, body) {
  try {
    const decode = DECODERS[response.headers["content-encoding"]] ?? ((same) => same);
    return decode(body).toString("utf8");
  } catch {
    return "";
  }
}

// The arguments of http.request are a URL, options, or both.
function nameOf(given) {
  const [address, options = {}] = given;
  const isUrl = typeof address === "string" || address instanceof URL;
  const url = isUrl ? new URL(address) : null;
  const facts = isUrl ? options : address;
  return {
    method: (facts.method ?? "GET").toUpperCase(),
    host: url?.hostname ?? facts.hostname ?? facts.host,
    path: (url?.pathname ?? facts.path ?? facts.pathname ?? "/").split("?")[0],
  };
}

module.exports = { answers, state, watch };

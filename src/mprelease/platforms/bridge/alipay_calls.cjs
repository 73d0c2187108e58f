"use strict";

// Stands between minidev and the network: holds back what would be sent until it may be, and keeps
// the platform's own words, of which the tool hands on only a part, or none.

const channels = require("node:diagnostics_channel");
const { EventEmitter } = require("node:events");
const http = require("node:http");
const https = require("node:https");
const net = require("node:net");
const zlib = require("node:zlib");
const { awaitGo, progress } = require("./protocol.cjs");

// Part of the tool's telemetry cannot be switched off, knows no proxy, and tells the vendor paths of
// this machine and its MAC address.
const TELEMETRY = "mdap.alipay.com";
const SERVICE = "/cli/miniapp/"; // of the other answers only the tool knows what to make
const LONGEST_REPLY = 4000;
const DECODERS = {
  gzip: zlib.gunzipSync,
  deflate: zlib.inflateSync,
  br: zlib.brotliDecompressSync,
};

// How Node says that a connection was never there: nothing can have arrived.
const UNCONNECTED = /^(connect|getaddrinfo)$/;
const UNTRUSTED = /CERT|^UNABLE_TO_VERIFY/;

/** What has happened: the last call, whether anything was sent, and the answer to the last call. */
const state = { call: null, sent: false, reply: null };
let allowed = false;

/** Emits each call's answer, under the last part of its path. */
const answers = new EventEmitter();

/** Watch every call from now on; has to come before the tool is loaded. `stop` ends the process. */
function watch(stop) {
  for (const protocol of [http, https]) {
    const request = protocol.request;
    protocol.request = (...given) => {
      const call = nameOf(given);
      if (call.host === TELEMETRY) return unsent(request);
      const isFirst = before(call, stop);
      const made = listen(call, request(...given));
      return isFirst ? made.once("error", takeBack) : made;
    };
  }
  // Another version of the tool might send by other means, of which we could hold back nothing.
  const unlessAsking = ({ request }) => {
    if (!allowed && isSending(request.method)) {
      stop(new Error("the tool would have sent without asking"));
    }
  };
  channels.subscribe("undici:request:create", unlessAsking);
  channels.subscribe("http.client.request.start", unlessAsking);
}

function unsent(request) {
  const deaf = () => {};
  const createConnection = () => new net.Socket().on("error", deaf).destroy(new Error("unsent"));
  return request({ createConnection }).on("error", deaf);
}

// The tool asks by GET, and sends by POST. Its agent for a proxy opens tunnels by itself.
function isSending(method) {
  return !["GET", "HEAD", "CONNECT"].includes(method ?? "GET");
}

// Returns whether this call is the one from which on something may have been sent.
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
  // From here on the platform may hold what was sent, whatever we hear of it.
  state.sent ||= isFirst;
  const call = `${method} ${host}${path}`;
  if (call !== state.call) progress(call);
  Object.assign(state, { call, reply: null });
  return isFirst;
}

function takeBack({ code = "", syscall = "" }) {
  if (UNCONNECTED.test(syscall) || UNTRUSTED.test(code)) state.sent = false;
}

function listen({ path }, request) {
  return request.once("response", (response) => {
    const parts = [];
    state.reply = { status: response.statusCode, text: "" };
    // Listening sets the data free, and only here the tool has begun to listen by then.
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

// Libraries call with an address, with options, or with both.
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

"use strict";

// Publishes with the JavaScript API of tt-ide-cli, whose command line always exits with 0.
// Argument: the tool's folder. One order per process, because proxy and session are global.

const fs = require("node:fs");
const path = require("node:path");
const calls = require("./douyin_requests.cjs");
const { hastenInterval } = require("./polls.cjs");
const { fail, readOrder, emit, succeed, textOf } = require("./protocol.cjs");

const MODULES = path.join(process.argv[2], "node_modules");
const TOKENS = path.join(process.env.TMA_CLI_HOME, ".tma-cli", "appConfig.json");
const SESSION = "sessionid_microapp";

// The tool asks every 1000 ms, 100 times, how far the platform's build is.
hastenInterval(1000, [150, 250, 400, 600, 800]);
calls.watch();
let tokens = "{}";
readTokensFromMemory();
const tma = require(path.join(MODULES, "tt-ide-cli"));
const { HttpsProxyAgent } = require(path.join(MODULES, "https-proxy-agent"));
emit("loaded");
const order = readOrder();

let sizes;

publish().then(done, (error) => {
  // The address of the QR code is the last request: the upload is complete without it.
  const isComplete = order.kind === "upload" && error?.name === "Schema Error";
  if (isComplete) return done({ shortUrl: null, expireTime: -1, detail: error.message });
  return stop(calls.ownRefusal() ?? error);
});

async function publish() {
  if (order.proxy) calls.goThrough(new HttpsProxyAgent(order.proxy));
  await identify(order.credential);
  if (order.packNpm) await packNpm();
  sizes = await tma.getProjectSize(order.folder);
  return send();
}

function send() {
  const options = {
    project: { path: order.folder },
    qrcode: { format: "terminal", output: "", options: {} }, // returns the address, draws nothing
    copyToClipboard: false,
  };
  if (order.kind === "preview") return tma.preview({ ...options, cache: false, page: page() });
  const { channel, needUploadSourcemap = true } = order.settings;
  return tma.upload({
    ...options,
    version: order.version,
    changeLog: order.description,
    channel: channel === undefined ? undefined : String(channel),
    needUploadSourcemap,
  });
}

// Default scene and location are the tool's own for an upload. A scene has six digits here.
function page() {
  return {
    path: order.page ?? "",
    query: order.query ?? "",
    scene: String(order.scene ?? 990001).padStart(6, "0"),
    launchFrom: "scan",
    location: "qr_code",
  };
}

async function identify({ token, email, password }) {
  if (token) {
    tokens = JSON.stringify({ [order.appId]: { token } });
    return;
  }
  const cookies = await tma.loginByEmail({ email, password, dontSaveCookie: true });
  const header = sessionHeader(cookies);
  tma.setCookieFn(async () => header);
}

// The platform requires the session in three cookies.
function sessionHeader(cookies) {
  const pairs = cookies.map((cookie) => cookie.split(";")[0]);
  const session = pairs.find((pair) => pair.startsWith(`${SESSION}=`))?.slice(SESSION.length + 1);
  return [...pairs, `sessionid=${session}`, `sessionid_dy_open=${session}`].join(";");
}

// The tool itself calls this only for package.json and node_modules next to the project's
// configuration, not for those of a root; without dependencies there is no node_modules.
async function packNpm() {
  const { buildNpm } = require(path.join(MODULES, "@tt-miniprogram", "ext-pack"));
  const { result, message } = await buildNpm({ projectPath: order.folder });
  if (result !== "success") throw new Error(`npm: ${message.content ?? message.title}`);
}

// The tool reads tokens from a file. So that none is on disk, its reads of that path return them.
function readTokensFromMemory() {
  const read = fs.readFileSync;
  fs.readFileSync = (file, ...rest) => (file === TOKENS ? tokens : read(file, ...rest));
}

function done({ shortUrl, expireTime, detail = null }) {
  succeed({ shortUrl, expireTime, detail, sizes: sizesOf(sizes) });
}

function sizesOf({ total, main, sub }) {
  return { total, main: { size: main.size }, sub: sub.map(({ path: root, size }) => ({ path: root, size })) };
}

function stop(error) {
  const { name, errLink } = error ?? {};
  fail(error, { name: textOf(name), errLink: textOf(errLink), ...calls.state });
  process.exit(1);
}

"use strict";

// Publishes with the JavaScript API of minidev. Argument: the tool's folder. One order
// per process: the tool keeps credential and proxy in global variables.

const crypto = require("node:crypto");
const fs = require("node:fs");
const path = require("node:path");
const calls = require("./alipay_requests.cjs");
const programs = require("./alipay_processes.cjs");
const { hastenPauses } = require("./polls.cjs");
const { Refusal, codeOf, fail, note, progress, readOrder, emit, succeed } = require("./protocol.cjs");

const MODULES = path.join(process.argv[2], "node_modules");
const LONGEST_LOG = 8000;
const IMAGE = { attempts: 3, ms: 10000, bytes: 2 ** 20 };

// For a project in TypeScript the tool would download TypeScript in every release, from a registry
// of its own choice. It is installed next to the tool, in the version that the tool requires.
if (fs.existsSync(path.join(MODULES, "typescript"))) {
  process.env.ONLINE_RESOURCE_TYPESCRIPT_LIB_PATH = MODULES;
}
// The tool asks every 4000 ms how far a build or a trial version is.
const hasten = hastenPauses(4000, [1000, 2000]);
calls.watch(stop);
programs.guard();
const tool = require(path.join(MODULES, "minidev"));
const { minidev } = tool;
configure();
emit("loaded");
const order = readOrder();
let sizes = null;
let task = null;

publish().then((result) => succeed({ ...result, sizes }), stop);

// A configuration in the project could set other hosts and proxies, so the tool is configured to
// look for it under a random name. Telemetry would send paths and descriptions to the vendor.
function configure() {
  const missing = `.${crypto.randomUUID()}.json`;
  tool.useDefaults({
    config: {
      defaults: { tracker: { enabled: false } },
      globalConfigFilePath: path.join(process.env.HOME, missing),
      projectConfigRelativePath: missing,
    },
  });
  tool.usePlugin({ name: "mprelease", contribute: ({ hooks }) => hooks.onDidRunLocalBuild(built) });
  tool.setSpinnerEnabled(false);
  // The tool does not handle errors of one of its requests.
  process.on("uncaughtException", stop);
  process.on("unhandledRejection", (error) => progress(`minidev: ${error?.message ?? error}`));
}

async function publish() {
  const { privateKey, toolId } = order.credential;
  await minidev.config.useRuntime({
    tracker: { enabled: false },
    alipay: { authentication: { privateKey, toolId } },
    proxy: order.proxy ? { http: order.proxy, https: order.proxy } : {},
  });
  return order.kind === "upload" ? upload() : preview();
}

async function preview() {
  programs.offerKept();
  const { ignoreHttpDomainCheck, ignoreWebViewDomainCheck } = order.settings;
  const { qrcodeUrl } = await minidev.preview({
    project: order.folder,
    appId: order.appId,
    autoPush: false,
    page: order.page ?? undefined,
    pageQuery: order.query ?? undefined,
    scene: order.scene === null ? undefined : String(order.scene),
    ignoreHttpDomainCheck,
    ignoreWebViewDomainCheck,
  });
  return { code: await imageAt(qrcodeUrl) };
}

async function upload() {
  const deleteVersion = order.settings.removeOldest === true ? await oldest() : undefined;
  hasten();
  const work = minidev.upload(
    {
      project: order.folder,
      appId: order.appId,
      version: order.version,
      versionDescription: order.description,
      deleteVersion,
    },
    { onTaskCreated: (number) => (task = number) },
  );
  await within(order.limits.build, work, "UNFINISHED");
  const removed = deleteVersion ?? null;
  if (order.settings.experience === false) return { removed, code: null };
  try {
    const { qrCodeUrl } = await showToTesters();
    return { removed, code: await imageAt(qrCodeUrl) };
  } catch (error) {
    // The version was uploaded: this step can be repeated, the upload cannot.
    return { removed, refused: String(error.message) };
  }
}

// The tool ignores the response to the request that sets the trial version, and then polls without
// a limit.
function showToTesters() {
  const refused = new Promise((_, reject) => {
    calls.answers.once("setExp.json", (text) => {
      const reason = refusalIn(text);
      if (reason !== null) reject(new Refusal("REFUSED", reason));
    });
  });
  const { appId, version } = order;
  hasten();
  const work = Promise.race([refused, minidev.app.setExperience({ appId, version })]);
  return within(order.limits.experience, work, "UNFINISHED");
}

function refusalIn(text) {
  try {
    const { stat, msg } = JSON.parse(text);
    return stat === "ok" ? null : String(msg ?? stat);
  } catch {
    return text.slice(0, 200);
  }
}

// Returns the oldest development version if their limit is reached, else undefined.
async function oldest() {
  const numbers = new Set();
  tool.setSilent(true);
  for (let pageNum = 1; numbers.size < order.limits.versions; pageNum += 1) {
    const options = { appId: order.appId, versionStatus: "INIT", pageNum };
    const listed = await minidev.app.getUploadedVersionList(options);
    const before = numbers.size;
    for (const one of listed) numbers.add(one.appVersion);
    if (numbers.size === before) break;
  }
  tool.setSilent(false);
  if (numbers.size < order.limits.versions) return undefined;
  return [...numbers].sort((one, other) => compare(one, other))[0];
}

function compare(one, other) {
  const [left, right] = [one, other].map((version) => version.split(".").map(Number));
  const index = left.findIndex((number, place) => number !== right[place]);
  return index < 0 ? 0 : left[index] - right[index];
}

function built({ build: { result } }) {
  const parts = result.subPackages ?? [];
  const main = parts.find(({ type }) => type === "MAIN");
  const packages = parts.filter((part) => part !== main).map(({ path: root, size }) => [root, size]);
  const known = { main: main?.size ?? result.size, packages: Object.fromEntries(packages) };
  const numbers = [known.main, ...Object.values(known.packages)];
  sizes = numbers.every(Number.isSafeInteger) ? known : null;
  // After a preview the tool would download the QR code without the proxy, and print it as text.
  tool.setSilent(true);
}

// Downloads the image of a QR code; `written` is false if that fails.
async function imageAt(address) {
  for (let attempt = 1; attempt <= IMAGE.attempts; attempt += 1) {
    try {
      const { headers, body } = await download(address);
      const type = String(headers["content-type"]).split(";")[0];
      if (!type.startsWith("image/")) throw new Error(`it is ${type}`);
      fs.writeFileSync(order.qrCode, body);
      return { address: String(address), written: true };
    } catch (error) {
      note("log.qr_code", error.message);
    }
  }
  return { address: String(address), written: false };
}

function download(address) {
  const superagent = require(path.join(MODULES, "superagent"));
  require(path.join(MODULES, "superagent-proxy"))(superagent);
  if (new URL(address).protocol !== "https:") throw new Error("the address is no https");
  const request = superagent.get(address);
  if (order.proxy) request.proxy(order.proxy);
  const { bytes, ms } = IMAGE;
  return request.timeout(ms).maxResponseSize(bytes).buffer(true).parse(superagent.parse.image);
}

// Time limits are in ms.
function within(ms, work, code) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Refusal(code, `no end after ${ms / 1000} s`)), ms);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

function stop(error) {
  const { errorCode, payload } = error ?? {};
  // The log of a build on the platform's side.
  const log = Array.isArray(payload) ? payload.join("\n").slice(-LONGEST_LOG) : null;
  fail(error, { errorCode: codeOf(errorCode), log, task: codeOf(task), ...calls.state });
  process.exit(1);
}

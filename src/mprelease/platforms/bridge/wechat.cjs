"use strict";

// Publishes with the JavaScript API of miniprogram-ci. Arguments: the folder that holds the tool.
// One order per process: the tool keeps proxy, compiler and file lists in global variables.

const channels = require("node:diagnostics_channel");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { awaitGo, fail, inside, note, progress, readOrderAfter, tell, textOf } = require("./protocol.cjs");
const { stepsOf } = require("./wechat_early.cjs");

const SENDING = /^\/wxa\/ci\/(upload|testSourceURL)\?/;
const PROGRESS_PAUSE = 100; // ms: a large project has thousands of files
const FEW_FILES = 300;

const SEED = 1_600_000_000_000; // ms since the epoch

compileHere();
const MODULES = path.join(process.argv[2], "node_modules");
const ci = seeded(() => require(path.join(MODULES, "miniprogram-ci")));
let order;
let allowed = false;
let sent = false;
let quietUntil = 0; // for progress; ms since the epoch
let refusal; // ours; the tool wraps whatever is thrown in a code of its own

// From this request on the platform may hold what was sent, whatever we hear of it. Should another
// version of the tool get here without having reported its task "upload", we end before it sends.
channels.subscribe("http.client.request.start", ({ request }) => {
  if (!SENDING.test(request.path)) return;
  if (!allowed) stop(new Error("the tool would have sent without asking"));
  sent = true;
});

// Left alone, the tool forks a compiler, which starts worker threads, and each of them loads Babel:
// on a small project, on 2 cores, most of the time. These are switches of its own, undocumented; a
// version without them does as before. Threads are worth their start where there is much to do.
function compileHere() {
  let quick;
  const getItem = (name) => {
    if (name === "compilerInMainProcess") return "1";
    if (name === "compilerNotInWorker") return (quick ??= isQuick()) ? "1" : null;
    return null;
  };
  Object.defineProperty(globalThis, "localStorage", { value: { getItem } });
}

// The tool numbers the modules of npm packages from the time at which it is loaded: two packs of one
// commit would never be the same. Only what asks for the present time while it loads is told SEED.
function seeded(load) {
  const real = globalThis.Date;
  let loading = true;
  const construct = (target, given, self) =>
    Reflect.construct(target, loading && given.length === 0 ? [SEED] : given, self);
  globalThis.Date = new Proxy(real, { construct });
  try {
    return load();
  } finally {
    loading = false; // for whoever has kept the proxy
    globalThis.Date = real;
  }
}

function isQuick() {
  if (os.availableParallelism() <= 2) return true;
  const files = fs.readdirSync(order.folder, { recursive: true });
  return files.filter((file) => !file.includes("node_modules")).length <= FEW_FILES;
}

readOrderAfter(stepsOf(MODULES)).then((given) => {
  order = given;
  publish().then(
    (result) => {
      tell("result", result);
      process.exit(0);
    },
    (error) => stop(refusal ?? error),
  );
});

async function publish() {
  if (order.proxy) ci.proxy(order.proxy);
  const project = new ci.Project({
    appid: order.appId,
    type: order.projectType,
    projectPath: order.folder,
    privateKey: order.credential,
  });
  if (order.packNpm) await packNpm(project);
  const { subPackageInfo, pluginInfo, devPluginId } = await send(project);
  return {
    sizes: (subPackageInfo ?? []).map(({ name, size }) => ({ name, size })),
    plugins: (pluginInfo ?? []).map(({ pluginProviderAppid, size }) => ({ pluginProviderAppid, size })),
    devPluginId: textOf(devPluginId),
  };
}

function send(project) {
  // Of the settings one is an option of previews, and one is already in project.config.json.
  const { bigPackageSizeSupport, allowIgnoreUnusedFiles, ...compileSettings } = order.settings;
  const options = {
    project,
    version: order.version,
    desc: order.description,
    robot: order.robot,
    setting: { useProjectConfig: true, ...compileSettings },
    // The tool's client for the object storage knows no proxy. Without it the tool takes the way
    // that it falls back to anyway when the storage cannot be reached.
    useCOS: order.proxy ? false : undefined,
    onProgressUpdate: hear,
  };
  if (order.kind === "upload") return ci.upload(options);
  return ci.preview({
    ...options,
    pagePath: order.page ?? undefined,
    searchQuery: order.query ?? undefined,
    scene: order.scene ?? undefined,
    bigPackageSizeSupport: bigPackageSizeSupport === true,
    qrcodeFormat: "image",
    qrcodeOutputDest: order.qrCode,
  });
}

async function packNpm(project) {
  const { packNpmManually, packNpmRelationList = [] } = project.setting;
  const options = { reporter: (counts) => note("log.npm_packed", JSON.stringify(counts)) };
  try {
    if (!packNpmManually) await ci.packNpm(project, options);
    for (const one of packNpmManually ? packNpmRelationList : []) {
      await ci.packNpmManually({
        packageJsonPath: inside(order.folder, one.packageJsonPath),
        miniprogramNpmDistDir: inside(order.folder, one.miniprogramNpmDistDir),
      });
    }
  } catch (error) {
    // A package.json without dependencies for the mini program itself is no mistake.
    if (!String(error.message).startsWith("__NO_NODE_MODULES__")) throw error;
    note("log.npm_nothing");
  }
  project.updateFileAndDirs();
}

// The tool reports its task "upload" right before it compresses, signs and sends, and calls us
// without waiting for a promise: blocking here holds it back.
function hear({ message, status, percent }) {
  if (message === "upload" && status === "doing") return pause();
  if (percent !== undefined) return note("log.uploaded_percent", Math.floor(percent * 100));
  if (!message || status === "done") return undefined;
  if (status === "doing" && Date.now() < quietUntil) return undefined;
  quietUntil = Date.now() + PROGRESS_PAUSE;
  return progress(status === "doing" ? message : `${status}: ${message}`);
}

function pause() {
  try {
    awaitGo();
    allowed = true;
  } catch (error) {
    refusal = error;
    throw error;
  }
}

function stop(error) {
  fail(error, { sent });
  process.exit(1);
}

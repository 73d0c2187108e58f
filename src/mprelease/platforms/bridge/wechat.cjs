"use strict";

// Publishes with the JavaScript API of miniprogram-ci. Argument: the tool's folder. One order per
// process, because the tool keeps proxy, compiler and file lists in global variables.

const channels = require("node:diagnostics_channel");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { awaitGo, fail, inside, note, progress, readOrderAfter, succeed, textOf } = require("./protocol.cjs");
const { stepsOf } = require("./wechat_early.cjs");
const { useFiles } = require("./wechat_files.cjs");
const { usePacks, writePacks } = require("./wechat_packs.cjs");
const { internalsOf, useResult, writeResult } = require("./wechat_results.cjs");

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
let refusal; // the bridge's; the tool wraps exceptions in errors with codes of its own

// From this request on the platform may have received the release, even without a response. If
// another version of the tool gets here without having reported its task "upload", it is stopped.
channels.subscribe("http.client.request.start", ({ request }) => {
  if (!SENDING.test(request.path)) return;
  if (!allowed) stop(new Error("the tool would have sent without asking"));
  sent = true;
});

// By default the tool forks a compiler, which starts worker threads, each of which loads Babel: for
// a small project on 2 cores this takes most of the time. These undocumented switches of the tool
// prevent it; versions without them ignore them. For large projects, threads are worth their start.
function compileHere() {
  let quick;
  const getItem = (name) => {
    if (name === "compilerInMainProcess") return "1";
    if (name === "compilerNotInWorker") return (quick ??= isQuick()) ? "1" : null;
    return null;
  };
  Object.defineProperty(globalThis, "localStorage", { value: { getItem } });
}

// The tool numbers the modules of npm packages from the time of its loading, so two packs of one
// commit would differ. `new Date()` returns SEED while the tool loads.
function seeded(load) {
  const real = globalThis.Date;
  let loading = true;
  const construct = (target, given, self) =>
    Reflect.construct(target, loading && given.length === 0 ? [SEED] : given, self);
  globalThis.Date = new Proxy(real, { construct });
  try {
    return load();
  } finally {
    loading = false; // for code that has kept a reference to the proxy
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
  publish().then(succeed, (error) => stop(refusal ?? error));
});

async function publish() {
  if (order.proxy) ci.proxy(order.proxy);
  const project = new ci.Project({
    appid: order.appId,
    type: order.projectType,
    projectPath: order.folder,
    privateKey: order.credential,
  });
  const written = await compileOnce(project);
  const { subPackageInfo, pluginInfo, devPluginId } = await send(project);
  await written();
  return {
    sizes: (subPackageInfo ?? []).map(({ name, size }) => ({ name, size })),
    plugins: (pluginInfo ?? []).map(({ pluginProviderAppid, size }) => ({ pluginProviderAppid, size })),
    devPluginId: textOf(devPluginId),
  };
}

// Lets the tool use a result of the same files, or pack and compile them; returns a function that
// awaits the result's being written.
async function compileOnce(project) {
  const internals = internalsOf(MODULES);
  if (internals && order.keptResult && (await useResult(internals, project, order.keptResult))) {
    note("log.compiled_before");
    return () => {};
  }
  if (order.packNpm) await packNpm(project);
  if (!internals || !order.newResult) return () => {};
  const writeFiles = useFiles(MODULES, order.keptFiles);
  const written = writeResult(internals, project, order.newResult);
  return () => Promise.all([written(), writeFiles(order.newFiles)]);
}

function send(project) {
  // One setting is an option of previews, and one is written to project.config.json by the driver.
  const { bigPackageSizeSupport, allowIgnoreUnusedFiles, ...compileSettings } = order.settings;
  const options = {
    project,
    version: order.version,
    desc: order.description,
    robot: order.robot,
    setting: { useProjectConfig: true, ...compileSettings },
    // The tool's client for the object storage does not support proxies. Without it the tool uploads
    // directly, as it also does if the storage is unreachable.
    useCOS: order.proxy ? false : undefined,
    onProgressUpdate: onProgress,
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
  if (!packNpmManually && order.keptPacks && usePacks(order.folder, order.keptPacks)) {
    note("log.npm_packed_before");
    return project.updateFileAndDirs();
  }
  const options = { reporter: (counts) => note("log.npm_packed", JSON.stringify(counts)) };
  try {
    if (!packNpmManually) {
      await ci.packNpm(project, options);
      if (order.newPacks) writePacks(order.folder, order.newPacks);
    }
    for (const one of packNpmManually ? packNpmRelationList : []) {
      await ci.packNpmManually({
        packageJsonPath: inside(order.folder, one.packageJsonPath),
        miniprogramNpmDistDir: inside(order.folder, one.miniprogramNpmDistDir),
      });
    }
  } catch (error) {
    // A package.json without dependencies of the mini program itself is valid.
    if (!String(error.message).startsWith("__NO_NODE_MODULES__")) throw error;
    note("log.npm_nothing");
  }
  return project.updateFileAndDirs();
}

// The tool reports its task "upload" immediately before it compresses, signs and sends. It does not
// await a promise, so this must block.
function onProgress({ message, status, percent }) {
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

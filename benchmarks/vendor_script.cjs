"use strict";

// A plain script that makes a preview with a vendor's tool; its input is an order of our bridges.
// Arguments: the platform, and the folder of the tool's packages.

const fs = require("node:fs");
const path = require("node:path");

const [platform, modules] = process.argv.slice(2);
const order = JSON.parse(fs.readFileSync(0, "utf8"));
const previews = { wechat, alipay, douyin };

previews[platform]().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);

async function wechat() {
  const ci = require(path.join(modules, "miniprogram-ci"));
  ci.proxy(order.proxy);
  const project = new ci.Project({
    appid: order.appId,
    type: order.projectType,
    projectPath: order.folder,
    privateKey: order.credential,
  });
  if (order.packNpm) await ci.packNpm(project, {});
  await ci.preview({
    project,
    desc: order.description,
    robot: order.robot,
    setting: { useProjectConfig: true },
    useCOS: false,
    qrcodeFormat: "image",
    qrcodeOutputDest: order.qrCode,
    onProgressUpdate: () => {},
  });
}

async function alipay() {
  const { minidev } = require(path.join(modules, "minidev"));
  const { privateKey, toolId } = order.credential;
  await minidev.config.useRuntime({
    tracker: { enabled: false },
    alipay: { authentication: { privateKey, toolId } },
    proxy: { http: order.proxy, https: order.proxy },
  });
  await minidev.preview({ project: order.folder, appId: order.appId, autoPush: false });
}

async function douyin() {
  const tma = require(path.join(modules, "tt-ide-cli"));
  tma.setConfig({ proxy: order.proxy });
  await tma.setAppConfig({ appid: order.appId, config: { token: order.credential.token } });
  await tma.preview({
    project: { path: order.folder },
    page: { path: "", query: "", installation: "990001", launchFrom: "scan", location: "qr_code" },
    qrcode: { format: "imageFile", output: path.join(process.env.HOME, "qr-code") },
    copyToClipboard: false,
    cache: false,
  });
}

"use strict";

// What a plain script does with miniprogram-ci; the order is that of our bridge. Argument: the
// folder of the package.

const fs = require("node:fs");
const ci = require(process.argv[2]);

const order = JSON.parse(fs.readFileSync(0, "utf8"));
ci.proxy(order.proxy);
const project = new ci.Project({
  appid: order.appId,
  type: order.projectType,
  projectPath: order.folder,
  privateKey: order.credential,
});
ci.preview({
  project,
  desc: order.description,
  robot: order.robot,
  setting: { useProjectConfig: true },
  useCOS: false,
  qrcodeFormat: "image",
  qrcodeOutputDest: order.qrCode,
  onProgressUpdate: () => {},
}).then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);

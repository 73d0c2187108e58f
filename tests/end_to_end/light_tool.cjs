"use strict";

// Stands for miniprogram-ci where the vendor's compiler is not what a test is about: the bridge,
// the guard, the sandbox, the protocol and the simulated platform around it are the real ones. It
// sends the files of the mini program as they are; `packNpm` is none of its business.

const crypto = require("node:crypto");
const fs = require("node:fs");
const http = require("node:http");
const https = require("node:https");
const path = require("node:path");
const tls = require("node:tls");
const zlib = require("node:zlib");

const HOST = "servicewechat.com";
const NOT_SENT = /(^|\/)(node_modules|\.[^/]*|project(\.private)?\.config\.json|package(-lock)?\.json)(\/|$)/;

let way; // the proxy's address

class Project {
  constructor(given) {
    Object.assign(this, given);
    const config = path.join(given.projectPath, "project.config.json");
    const { setting = {}, miniprogramRoot = "" } = JSON.parse(fs.readFileSync(config, "utf8"));
    Object.assign(this, { setting, root: path.join(given.projectPath, miniprogramRoot) });
  }

  updateFileAndDirs() {}
}

async function publish(route, { project, version, desc, robot, onProgressUpdate, ...launch }) {
  onProgressUpdate({ message: "upload", status: "doing" });
  const page = launch.pagePath ?? "";
  const query = {
    appid: project.appid,
    type: project.type,
    version,
    robot,
    desc,
    path: launch.searchQuery ? `${page}?${launch.searchQuery}` : page,
  };
  const signature = JSON.stringify({ signature: await signed(project) });
  const body = packed({ ...filesBelow(project.root), "ci.signature": Buffer.from(signature) });
  return called(`/wxa/ci/${route}?${new URLSearchParams(query)}`, body);
}

async function upload(options) {
  return results((await publish("upload", options)).body);
}

async function preview(options) {
  const { body } = await publish("testSourceURL", { ...options, version: "0.0.1" });
  fs.writeFileSync(options.qrcodeOutputDest, Buffer.from(body.qrcode_img, "base64"));
  return results(body);
}

function results(body) {
  return { subPackageInfo: body.subpackage_info, pluginInfo: body.ext_plugin_info };
}

async function packNpm() {
  throw new Error("__NO_NODE_MODULES__ the stand-in packs nothing");
}

function filesBelow(root) {
  const names = fs.readdirSync(root, { recursive: true }).filter((name) => !NOT_SENT.test(name));
  const files = names.filter((name) => fs.statSync(path.join(root, name)).isFile());
  return Object.fromEntries(files.map((name) => [name, fs.readFileSync(path.join(root, name))]));
}

// As tests of the simulator have it: BE | 0 | lengths of table and data | ED, the table, the data.
function packed(files) {
  const entries = Object.entries(files).map(([name, data]) => [Buffer.from(`/${name}`), data]);
  const table = 4 + entries.reduce((sum, [name]) => sum + 12 + name.length, 0);
  let offset = 14 + table;
  const rows = entries.map(([name, data]) => {
    const row = Buffer.concat([number(name.length), name, number(offset), number(data.length)]);
    offset += data.length;
    return row;
  });
  const content = Buffer.concat(entries.map(([, data]) => data));
  const head = [Buffer.of(0xbe), number(0), number(table), number(content.length), Buffer.of(0xed)];
  return zlib.gzipSync(Buffer.concat([...head, number(entries.length), ...rows, content]));
}

function number(value) {
  const four = Buffer.alloc(4);
  four.writeUInt32BE(value);
  return four;
}

async function signed({ appid, privateKey }) {
  const { data } = await called("/wxa/ci/getrandstr", JSON.stringify({ appid }));
  const text = JSON.stringify({ appid, rand_str: data.randomString });
  return crypto.privateEncrypt(privateKey, Buffer.from(text)).toString("base64");
}

async function called(target, body) {
  const socket = await tunnel();
  return new Promise((resolve, reject) => {
    const headers = { host: HOST };
    const options = { path: target, method: "POST", headers, createConnection: () => socket };
    const request = https.request(options, async (answer) => {
      const parts = await answer.toArray();
      const said = JSON.parse(Buffer.concat(parts).toString());
      if (said.errCode === 0) resolve(said);
      else reject(Object.assign(new Error(JSON.stringify(said)), { code: said.errCode }));
    });
    request.on("error", reject);
    request.end(body);
  });
}

function tunnel() {
  const { hostname, port } = new URL(way);
  return new Promise((resolve, reject) => {
    const asked = http.request({ hostname, port, method: "CONNECT", path: `${HOST}:443` });
    asked.on("connect", (_, socket) => {
      const secure = tls.connect({ socket, servername: HOST }, () => resolve(secure));
      secure.on("error", reject);
    });
    asked.on("error", reject);
    asked.end();
  });
}

module.exports = {
  Project,
  packNpm,
  preview,
  proxy: (address) => {
    way = address;
  },
  upload,
};

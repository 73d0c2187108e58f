"use strict";

// Simulates Alipay's closed compiler as far as minidev 2.2.5 uses it. It compiles nothing: it parses
// every .json and .js file, reports syntax errors, and copies the sources to the output folder, with
// the four files that the tool expects in each package.

const fs = require("node:fs");
const path = require("node:path");
const vm = require("node:vm");

const VERSION = "0.100.12";
const IS_MODULE = /^\s*(import|export)\b/m; // vm.Script accepts neither
const LINE_NUMBER = /:(\d+)\n/;

const args = process.argv.slice(2);
if (args.includes("--version")) {
  process.stdout.write(`${VERSION}\n`);
} else {
  compile(argumentOf("--input"), argumentOf("--output"), argumentOf("--stat-output-path"));
}

function compile(input, output, report) {
  const files = filesOf(input, "");
  const error = files.map((file) => syntaxErrorIn(input, file)).filter(Boolean);
  fs.mkdirSync(path.dirname(report), { recursive: true });
  fs.writeFileSync(report, JSON.stringify({ tag: [], meta: {}, report: {}, error }));
  if (error.length > 0) process.exit(1);
  const app = JSON.parse(fs.readFileSync(path.join(input, "app.json"), "utf8"));
  for (const file of files) {
    fs.mkdirSync(path.join(output, path.dirname(file)), { recursive: true });
    fs.copyFileSync(path.join(input, file), path.join(output, file));
  }
  const packages = app.subPackages ?? app.subpackages ?? [];
  for (const root of ["", ...packages.map((one) => one.root)]) finish(path.join(output, root), app);
}

function finish(folder, app) {
  fs.mkdirSync(folder, { recursive: true });
  for (const name of ["index.js", "index.worker.js", "index.html"]) {
    fs.writeFileSync(path.join(folder, name), "");
  }
  fs.writeFileSync(path.join(folder, "appConfig.json"), JSON.stringify(app));
}

function filesOf(top, folder) {
  const entries = fs.readdirSync(path.join(top, folder), { withFileTypes: true });
  return entries.flatMap((entry) => {
    const name = path.join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === "node_modules" ? [] : filesOf(top, name);
    return entry.isFile() ? [name] : [];
  });
}

function syntaxErrorIn(top, file) {
  const text = fs.readFileSync(path.join(top, file), "utf8");
  try {
    if (file.endsWith(".json")) JSON.parse(text);
    if (file.endsWith(".js") && !IS_MODULE.test(text)) new vm.Script(text, { filename: file });
    return null;
  } catch (error) {
    const line = LINE_NUMBER.exec(error.stack)?.[1] ?? 1;
    return { message: `${file}:${line}: ${error.message.split("\n")[0]}` };
  }
}

function argumentOf(option) {
  return args[args.indexOf(option) + 1];
}

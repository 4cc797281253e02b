import { existsSync, readFileSync, realpathSync } from "node:fs";
import { createRequire, isBuiltin } from "node:module";
import { delimiter, dirname, extname, join, resolve, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

import { mappedFrames, SDK_SOURCE_PREFIX, SOURCE_MAP_NAME } from "../src/place.js";
import { compactMap } from "./source-map.js";

const PACKAGE = dirname(dirname(fileURLToPath(import.meta.url)));
const { peerDependencies: PINNED } = JSON.parse(readFileSync(join(PACKAGE, "package.json"), "utf8"));

/** Why there is no component, in words for whoever wrote the action. */
export class BuildError extends Error {}

/**
 * Bundles the module at `entry`, JavaScript or TypeScript, and makes a component of it.
 *
 * @param {string} entry
 * @param {string} folder what is looked up from, and what the places in messages are relative to
 * @returns {Promise<{ component: Uint8Array, warnings: string[] }>}
 */
export async function buildComponent(entry, folder = process.cwd()) {
  if (!existsSync(resolve(folder, entry))) throw new BuildError(`${entry} does not exist`);
  const esbuild = await load("esbuild", folder);
  const { componentize } = await load("componentize-qjs", folder);
  const { code, map, sources } = await bundle(esbuild, entry, folder);
  // Before the code, so that it is there while the module loads; so the code's lines are one further down.
  map.lines = `;${map.lines}`;
  const jsSource = `globalThis.${SOURCE_MAP_NAME} = ${JSON.stringify(map)};\n${code}`;
  try {
    const options = { jsSource, witPath: join(PACKAGE, "wit"), world: "component", sync: true };
    const { component } = await componentize(options);
    return { component, warnings: await asyncWarnings(esbuild, sources, folder) };
  } catch (error) {
    throw new BuildError(loadMessage(entry, error.message, map));
  }
}

/** The tool as the project has it, or this package, or whoever put its command on the PATH. */
export async function load(name, folder) {
  for (const from of [join(folder, "package.json"), join(PACKAGE, "package.json"), ...commandsOf(name)]) {
    let path;
    try {
      path = createRequire(from).resolve(name);
    } catch {
      continue;
    }
    const loaded = await import(pathToFileURL(path));
    return loaded.default ?? loaded;
  }
  throw new BuildError(`${name} is missing: npm install --save-dev ${name}@${PINNED[name]}`);
}

/** The command's files on the PATH, which stand in its package. */
function commandsOf(name) {
  const places = (process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, name));
  return places.filter((place) => existsSync(place)).map((place) => realpathSync(place));
}

async function bundle({ build }, entry, folder) {
  const options = {
    stdin: { contents: entrySource(entry, folder), resolveDir: folder, sourcefile: `${SDK_SOURCE_PREFIX}entry` },
    absWorkingDir: folder,
    bundle: true,
    format: "esm",
    target: "es2023",
    charset: "utf8",
    external: ["weir:*"],
    plugins: [thisPackage],
    sourcemap: "external",
    sourcesContent: false,
    outfile: "bundle.js",
    metafile: true,
    write: false,
    logLevel: "silent",
  };
  let result;
  try {
    result = await build(options);
  } catch (error) {
    throw new BuildError(bundleMessage(entry, error, folder));
  }
  const text = (ending) => result.outputFiles.find(({ path }) => path.endsWith(ending)).text;
  return {
    code: text(".js"),
    map: compactMap(JSON.parse(text(".map")), folder, join(PACKAGE, "src")),
    sources: Object.keys(result.metafile.inputs).filter((source) => isUsers(source, folder)),
  };
}

/** Whether a source is the project's own, neither a package's nor this one's. */
function isUsers(source, folder) {
  const path = resolve(folder, source);
  const isPackages = path.includes(`${sep}node_modules${sep}`) || path.startsWith(PACKAGE + sep);
  return !isPackages && existsSync(path) && /^\.[mc]?[jt]sx?$/.test(extname(path));
}

/** An engine in whose place esbuild would have to write async functions anew, and says where it can't. */
const ASYNC = { "async-await": false, "async-generator": false, generator: false };

/** Where the project's own sources have async functions: what stands behind an `await` never runs in an action. */
async function asyncWarnings({ transform }, sources, folder) {
  const warnings = await Promise.all(
    sources.map(async (source) => {
      const contents = readFileSync(resolve(folder, source), "utf8");
      const loader = extname(source).replace(/^\.[mc]?/, "");
      const { errors } = await transform(contents, { loader, supported: ASYNC, logLevel: "silent" }).catch(
        (error) => error,
      );
      const asyncs = (errors ?? []).filter(({ text }) => /async (generator )?functions/.test(text));
      return asyncs.map(({ location: { line, column } }) => `${source}:${line}:${column + 1}: ${NEVER_RUNS}`);
    }),
  );
  return warnings.flat();
}

const NEVER_RUNS =
  "an async function: called in an action, it ends at its first await, and what stands behind that never runs";

/** The world's export, made from the user's default export. */
function entrySource(entry, folder) {
  const path = JSON.stringify(resolve(folder, entry));
  return `import { componentOf } from "weir/component";
import definitions from ${path};
export const actions = componentOf(definitions);
`;
}

/** Whatever copy of this package the user's code finds, the component has one: this. */
const thisPackage = {
  name: "weir",
  setup(build) {
    build.onResolve({ filter: /^weir(\/|$)/ }, ({ path }) => {
      if (path === "weir") return { path: join(PACKAGE, "src/index.js") };
      if (path === "weir/component") return { path: join(PACKAGE, "src/component.js") };
      return { errors: [{ text: `${path} is for tests: a component can't have it` }] };
    });
  },
};

function bundleMessage(entry, error, folder) {
  if (error.errors === undefined) return error.message;
  return error.errors
    .map(({ text, location }) => {
      if (/No matching export .* for import "default"/.test(text)) {
        return `${entry} has no default export: end it with \`export default actions({ … })\``;
      }
      const said = text + adviceOn(text, folder);
      const inUser = location !== null && !location.file.startsWith(SDK_SOURCE_PREFIX);
      return inUser ? `${location.file}:${location.line}:${location.column + 1}: ${said}` : said;
    })
    .join("\n");
}

/** What to do about a module that is not found. */
function adviceOn(text, folder) {
  const [, name] = /^Could not resolve "(.*)"$/.exec(text) ?? [];
  if (name === undefined || /^[./]/.test(name)) return "";
  if (isBuiltin(name)) return ": an action has nothing of Node.js";
  const [packageName] = /^(@[^/]+\/)?[^/]+/.exec(name) ?? [name];
  const isThere = existsSync(join(folder, "node_modules", packageName));
  return isThere ? "" : `: npm install ${packageName}`;
}

/** What went wrong while the module was loaded, without the engine's words around it. */
function loadMessage(entry, message, map) {
  const text = message.replace(/^.*module evaluation: /s, "").trimEnd();
  const at = text.search(/^ +at /m);
  const head = at === -1 ? text : text.slice(0, at).trimEnd();
  const frames = at === -1 ? [] : mappedFrames(text.slice(at), map);
  // The engine knows no place of what is taken apart, or gone through.
  if (at !== -1 && frames.length === 0) frames.push(UNKNOWN_PLACE);
  return [`${entry} can't be loaded: ${thrownAtLoad(head)}`, ...frames].join("\n");
}

const UNKNOWN_PLACE =
  "    at a place that the engine does not tell: look for `const { … } = …`, `[ … ] = …` and `for … of` outside the actions";

function thrownAtLoad(head) {
  const [, text] = /^Exception generated by quickjs: String\(Ok\((".*")\)\)$/s.exec(head) ?? [];
  if (text !== undefined) return `${text} was thrown`;
  if (head.startsWith("Exception generated by quickjs: ")) return "what was thrown is no Error";
  return head.replace(/^(Error|TypeError): /, "");
}

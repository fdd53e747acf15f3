/**
 * The server as one script with V8's code cache beside it, both in the executable. V8 reads all of a module before it
 * runs, which for the 420 KB of the server takes a third of its start; with the cache it finds them compiled, and the functions
 * that a start calls as well. The runtime's own code cache would be a file of a foreseeable name in the folder for temporary
 * files, which anyone may create; this one is part of the program.
 *
 * Modules cannot be compiled with a cache, scripts can (`vm.Script`): so `src/cli/serve.ts` and all that it imports is bundled as
 * a function of a script, and the module that the other bundles import in its place loads it. V8 takes a cache for what was
 * made by the same runtime with the same flags, so it is made by the executable itself: it is compiled twice, first to
 * start, to be asked something, and to write down what was compiled on the way; then with that file.
 */
import { join } from "@std/path";
import { BuildError } from "./build_error.ts";
import { type BundleOptions, runBundler } from "./bundle.ts";
import { recordStart } from "./recorded_start.ts";
import { detachSourceMap, slimSourceMap } from "./source_map.ts";

const main = "src/cli/serve.ts";
/** Names that `deno compile` takes for files, not for modules. */
const scriptName = "server.script";
const cacheName = "server.cache";
/** The bundler has put this module, which main.ts imports lazily, into a file of this name. */
const replaced = /^serve-\w+\.js$/;
/** The variable that names the file into which the first executable writes its cache. */
const cacheVariable = "KV_CODE_CACHE";

export class ServerScript {
  readonly #modulePath: string;
  readonly #folder: string;
  readonly #sourceMap: string;

  private constructor(modulePath: string, folder: string, sourceMap: string) {
    this.#modulePath = modulePath;
    this.#folder = folder;
    this.#sourceMap = sourceMap;
  }

  /** Bundles the server beside the bundles that are in `options.folder` already. */
  static async bundle(options: BundleOptions): Promise<ServerScript> {
    const { folder, root } = options;
    const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
    const modules = names.filter((name) => replaced.test(name));
    if (modules.length !== 1) {
      throw new BuildError(
        `Cannot bundle the server: ${modules.length} bundles begin with ${main}`,
      );
    }
    const ownFolder = join(folder, "server");
    await runBundler(main, "--format=cjs", { ...options, folder: ownFolder });
    const path = join(ownFolder, "serve.js");
    const modulePath = join(folder, modules[0]);
    // Named as if it stood in the module: that is the name its map is looked up by.
    const bundled = slimSourceMap(await Deno.readTextFile(path), path, root);
    const { code, sourceMap } = detachSourceMap(bundled);
    if (/\b(require|import)\(/.test(code)) {
      throw new BuildError(`Cannot bundle ${main}: a script can load no modules, and it does`);
    }
    const script = `(function (exports, module) { "use strict";\n${code}})`;
    await Deno.writeTextFile(join(folder, scriptName), script);
    return new ServerScript(modulePath, folder, sourceMap);
  }

  /** Files that `deno compile` has to include. */
  get included(): readonly string[] {
    return [scriptName, cacheName].map((name) => join(this.#folder, name));
  }

  /** Makes the bundles those of an executable that writes its code cache when the server is stopped. */
  async prepareRecording(): Promise<void> {
    await Deno.writeTextFile(join(this.#folder, cacheName), "");
    await this.#writeModule(`
const script = new Script(source, { filename, lineOffset });
export async function serve(...options) {
  const status = await start(...options);
  const path = Deno.env.get("${cacheVariable}");
  if (path) Deno.writeFileSync(path, script.createCachedData());
  return status;
}`);
  }

  /** Has that executable run, and makes the bundles those of the one that is meant, which has the cache. */
  async record(executable: string): Promise<void> {
    const path = join(this.#folder, cacheName);
    await recordStart(executable, { [cacheVariable]: path });
    if ((await Deno.stat(path)).size === 0) {
      throw new BuildError("Cannot make the server's code cache: no server has written one");
    }
    await this.#writeModule(`
const cachedData = Deno.readFileSync(new URL("${cacheName}", filename));
const script = new Script(source, { filename, lineOffset, cachedData });
if (script.cachedDataRejected) {
  console.error("kv: The code cache was made with other flags of V8: starting takes longer");
}
export const serve = (...options) => start(...options);`);
  }

  /** The script begins in its second line; with the source map its lines are those of the bundle. */
  async #writeModule(code: string): Promise<void> {
    const text = `import { Script } from "node:vm";
const filename = import.meta.url;
const lineOffset = -1;
const source = Deno.readTextFileSync(new URL("${scriptName}", filename));
${code}
const module = { exports: {} };
script.runInThisContext()(module.exports, module);
const start = module.exports.serve;
${this.#sourceMap}`;
    await Deno.writeTextFile(this.#modulePath, text);
  }
}

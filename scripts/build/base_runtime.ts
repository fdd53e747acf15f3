/**
 * Which base runtime `deno compile` appends kv to:
 *
 * 1. the one that DENORT_BIN names, which `deno compile` itself heeds;
 * 2. Deno's own, downloaded by `deno compile`, where its host can be reached or it was downloaded before;
 * 3. on Linux x64, the one in packaged_runtime.ts.
 *
 * After the first build none of them needs the network.
 */
import { join } from "@std/path";
import { BuildError } from "./build_error.ts";
import {
  cachedRuntimePath,
  packagedRuntime,
  packagedRuntimePath,
  wayOut,
} from "./packaged_runtime.ts";

export interface BaseRuntime {
  /** The path for DENORT_BIN; undefined when `deno compile` is to take its own. */
  readonly path: string | undefined;
  /** For the line that says what was built. */
  readonly description: string;
}

/** The releases of Deno whose `deno compile` was tried on the packaged base runtime. */
const packagedRuntimeFits = /^2\.[678]\./;

/** Long enough for a slow network to answer one request, short enough where nothing answers. */
const probeMsMax = 4_000;

/** kv calls Linux's libc. Throws a BuildError anywhere else. */
export function assertPlatform(os: string, arch: string): void {
  if (os !== "linux" || (arch !== "x86_64" && arch !== "aarch64")) {
    throw new BuildError(
      `Cannot build kv on ${os} ${arch}: it maps its store through Linux's libc; use Linux on x64 or arm64`,
    );
  }
}

/** Finds the base runtime to build with. A BuildError when there is none to be had. */
export async function findBaseRuntime(): Promise<BaseRuntime> {
  const named = Deno.env.get("DENORT_BIN");
  if (named) return await namedRuntime(named);

  const denoDir = await findDenoDir();
  const version = Deno.version.deno;
  const official: BaseRuntime = { path: undefined, description: `Deno's base runtime ${version}` };
  const release = `release/v${version}/denort-${Deno.build.target}.zip`;
  if (await isFile(join(denoDir, "dl", release))) return official;

  const cacheFolder = join(denoDir, "kv-build");
  const fits = packagedRuntime.target === Deno.build.target && packagedRuntimeFits.test(version);
  let reason = "the official base runtime could not be reached before";
  if (!fits || !await isFile(cachedRuntimePath(packagedRuntime, cacheFolder))) {
    const refusal = await probe(`https://dl.deno.land/${release}`, probeMsMax);
    if (refusal === undefined) return official;
    reason = `Deno's base runtime cannot be downloaded here (${refusal})`;
  }
  if (!fits) {
    const remedy = packagedRuntime.target === Deno.build.target
      ? "build with `npx -y deno@2.8.3 task build`, or "
      : "";
    throw new BuildError(`Cannot build kv: ${reason}; ${remedy}${wayOut}`);
  }
  return {
    path: await packagedRuntimePath(packagedRuntime, cacheFolder, reason),
    description: `base runtime ${packagedRuntime.deno} from npm:${packagedRuntime.name}`,
  };
}

async function namedRuntime(path: string): Promise<BaseRuntime> {
  if (!await isFile(path)) {
    throw new BuildError(
      `Cannot use the base runtime ${path}: no such file; correct DENORT_BIN, or unset it`,
    );
  }
  return { path, description: `the base runtime ${path}` };
}

/** Undefined when `url` answers that it is there; else why it is not to be had. */
export async function probe(url: string, waitMsMax: number): Promise<string | undefined> {
  try {
    const response = await fetch(url, { method: "HEAD", signal: AbortSignal.timeout(waitMsMax) });
    await response.body?.cancel();
    return response.ok ? undefined : `its host answers ${response.status}`;
  } catch (error) {
    const timedOut = error instanceof DOMException && error.name === "TimeoutError";
    return timedOut
      ? `its host does not answer in ${waitMsMax / 1000} s`
      : "its host is not reached";
  }
}

/** The folder of Deno's caches: also the place for ours, so that `deno clean` clears it. */
async function findDenoDir(): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "--no-config"],
    stderr: "null",
  }).output();
  const info: { denoDir: string } = JSON.parse(new TextDecoder().decode(stdout));
  return info.denoDir;
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch {
    return false;
  }
}

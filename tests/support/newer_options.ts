/** What is newer than the redis-server that kv's replies are compared with. */
import type { CommandSpec } from "../../src/commands/command_spec.ts";
import { redisVersion } from "../../src/commands/connection.ts";

/** SET has options that came after the version that is compared with. */
export function hasNewerOptions({ history = [] }: CommandSpec): boolean {
  return history.some(([version]) => isNewer(version));
}

/** Whether a version, as 7.2.0, came after the one that is compared with. */
export function isNewer(version: string): boolean {
  const [numbers, known] = [version, redisVersion].map((text) => text.split(".").map(Number));
  const differing = numbers.findIndex((number, i) => number !== known[i]);
  return differing >= 0 && numbers[differing] > known[differing];
}

/** Replies look as redis-cli shows them: both are run on the same server, and the bytes compared. */
import { assertEquals } from "@std/assert";
import { hasTool, runTool } from "../support/real_tools.ts";
import { TestServer } from "../support/test_server.ts";
import { KvProgram } from "./kv_program.ts";

/** Commands whose replies do not change from call to call. */
const commands: readonly (readonly string[])[] = [
  ["get", "a"],
  ["get", "none"],
  ["get", "bytes"],
  ["strlen", "a"],
  ["mget", "a", "none", "bytes", "n"],
  ["keys", "none*"],
  ["scan", "0", "match", "none*"],
  ["echo", ""],
  ["echo", '\t"\\\x07\b\r\n\x7f'],
  ["config", "get", "max*"],
  ["config", "get", "none"],
  ["command", "info", "get", "none", "rename"],
  ["command", "docs", "set", "config"],
  ["command", "list", "filterby", "pattern", "*get*"],
  ["command", "getkeys", "mset", "x", "1", "y", "2"],
  ["time", "wrong", "number"],
  ["set", "a", "1", "nx"],
];

const formats = [["--no-raw"], ["--raw"], ["-3", "--no-raw"], ["-3", "--raw"]];

for (const format of formats) {
  Deno.test({
    name: `replies with ${format.join(" ")} are those of redis-cli`,
    ignore: !hasTool("redis-cli"),
    async fn() {
      await using server = await TestServer.start();
      const kv = new KvProgram(server.folder, server.socketPath);
      await kv.run(["mset", "a", "1", "n", "7"]);
      await kv.run(["-x", "set", "bytes"], { input: "\xff\0 'x'\n" });
      for (const command of commands) {
        const name = command.join(" ");
        const theirs = await runTool("redis-cli", ["-s", server.socketPath, ...format, ...command]);
        const own = await kv.run([...format, ...command]);
        if (own.code === 2) {
          // An error goes to another stream, and ends with an empty line there.
          assertEquals(own.stderr.trimEnd(), theirs.stdout.trimEnd(), name);
        } else if (own.stdout === "") {
          // No value is no line.
          assertEquals(theirs.stdout, "\n", name);
        } else {
          assertEquals(own.stdout, theirs.stdout, name);
        }
      }
      // The same in a pipe, where nothing of this differs.
      const input = commands.map((command) => `${command.map(quoted).join(" ")}\n`).join("");
      const theirs = await runTool("redis-cli", ["-s", server.socketPath, ...format], { input });
      assertEquals((await kv.run(["cli", ...format], { input })).stdout, theirs.stdout);
    },
  });
}

function quoted(argument: string): string {
  const escaped = argument.replace(
    /[^ !#-[\]-~]/g,
    (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
  return `"${escaped}"`;
}

/**
 * What `kv NAME` can be beside a command of the server. Each loads its file when it is run, so that
 * `kv get` does not pay for them.
 */
import { dashed, type GivenOptions } from "./options.ts";
import { writeOutput } from "./output.ts";

export interface Subcommand {
  readonly name: string;
  /** How its arguments are written, without options. */
  readonly grammar: string;
  /** One sentence without a full stop. */
  readonly summary: string;
  /**
   * Runs it with the arguments behind its name and the options before it; resolves with the exit
   * status.
   */
  run(args: readonly string[], options: GivenOptions): Promise<number>;
}

export const subcommands: readonly Subcommand[] = [
  {
    name: "serve",
    grammar: "kv serve [OPTION ...]",
    summary: "Map the store and serve it on a Unix socket",
    async run(args, options) {
      const { serve } = await import("./serve.ts");
      const showHelp = async () => {
        const { help } = await import("./help.ts");
        return help(["serve"]);
      };
      const leading = [...options].flatMap(([name, value]) =>
        value === true ? [dashed(name)] : [dashed(name), value]
      );
      return await serve([...leading, ...args], showHelp);
    },
  },
  {
    name: "cli",
    grammar: "kv cli [OPTION ...]",
    summary: "Type commands at a prompt, or read them line by line from a pipe",
    async run(args, options) {
      const { interactive } = await import("./interactive.ts");
      return await interactive(args, options);
    },
  },
  {
    name: "check",
    grammar: "kv check [--repair] [--json] [FILE]",
    summary: "Read all of a store that is not served, and say whether it is whole",
    async run(args, options) {
      const { check } = await import("./check.ts");
      return await check(args, options);
    },
  },
  {
    name: "info",
    grammar: "kv info [SECTION ...]",
    summary: "Show what a server's store holds and how it does; INFO's own text in a pipe",
    async run(args, options) {
      const { info } = await import("./info.ts");
      return await info(args, options);
    },
  },
  {
    name: "compact",
    grammar: "kv compact [OPTION ...]",
    summary: "Have the server free all space that is not needed, and wait for it",
    async run(args, options) {
      const { compact } = await import("./compact.ts");
      return await compact(args, options);
    },
  },
  {
    name: "backup",
    grammar: "kv backup [OPTION ...] FILE",
    summary: "Have the server copy its store to a new file while it goes on, and check the copy",
    async run(args, options) {
      const { backup } = await import("./backup.ts");
      return await backup(args, options);
    },
  },
  {
    name: "help",
    grammar: "kv help [COMMAND]",
    summary: "Show what there is, or how a command is written",
    async run(args) {
      const { help } = await import("./help.ts");
      return help(args);
    },
  },
  {
    name: "version",
    grammar: "kv version",
    summary: "Show the version",
    async run() {
      const { version } = await import("./version.ts");
      writeOutput(`kv ${version}\n`);
      return 0;
    },
  },
];

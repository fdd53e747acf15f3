/** The executable `kv`: a server, a client for one command, and a prompt, by its first argument. */
import { dispatch } from "./src/cli/dispatch.ts";

if (import.meta.main) Deno.exit(await dispatch(Deno.args));

/** What a connection of the command line begins with: the version of the protocol, the password. */
import type { ClientSettings } from "./options.ts";

/** The request to begin with, or null. In version 3, HELLO says it all. */
export function greeting({ protocol, user, password }: ClientSettings): string[] | null {
  const credentials = password === "" ? [] : ["AUTH", user, password];
  if (protocol === 3) return ["HELLO", "3", ...credentials];
  return password === "" ? null : credentials;
}

/** For whom the server answers with NOAUTH. */
export const passwordHint =
  "The server asks for a password: set the environment's KV_PASSWORD, or give --password; --user says whose it is";

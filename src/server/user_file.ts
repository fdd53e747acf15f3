/** The file of users that `aclfile` names: a line `user NAME rule rule ...` for each, as ACL LIST shows them. */
import type { Access, UserDefinition } from "../commands/access.ts";
import { binaryText } from "../protocol/binary_text.ts";
import { fileError } from "./file_error.ts";
import { rewriteFile } from "./file_rewriting.ts";

/** Hashes of passwords are in it. */
const newFileMode = 0o600;

/** Has the users of a file and no others. Returns null or, with nothing changed, all that is wrong with it. */
export function loadUserFile(path: string, access: Access): string | null {
  let text: string;
  try {
    const error = fileError(path);
    if (error !== null) return cannotOpen(path, error);
    text = binaryText(Deno.readFileSync(path));
  } catch (error) {
    return cannotOpen(path, error instanceof Error ? error.message : String(error));
  }
  const errors: string[] = [];
  const definitions: UserDefinition[] = [];
  for (const [i, line] of text.split("\n").entries()) {
    const place = `${path}:${i + 1}`;
    const [keyword, name, ...args] = line.trim().split(/[ \t]+/);
    if (keyword === "") continue;
    if (keyword === "user" && name !== undefined) definitions.push({ name, args, place });
    else errors.push(`${place} should start with user keyword followed by the username`);
  }
  const users = access.read(definitions);
  if (errors.length === 0 && Array.isArray(users)) {
    access.replace(users);
    return null;
  }
  if (!Array.isArray(users)) errors.push(...users.errors);
  return `${
    errors.map((error) => `${error}. `).join("")
  }WARNING: ACL errors detected, no change to the ` +
    "previously active ACL rules was performed";
}

function cannotOpen(path: string, reason: string): string {
  return `Error loading ACLs, opening file '${path}': ${reason}`;
}

/** Writes all users to the file. Returns null, or what is wrong. */
export function saveUserFile(path: string, access: Access): string | null {
  const text = userLines(access).map((line) => `${line}\n`).join("");
  try {
    rewriteFile(path, () => text, newFileMode);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** A line for each user, with a character for each byte. */
export function userLines(access: Access): string[] {
  return access.users().map((user) => `user ${user.name} ${user.describe()}`);
}

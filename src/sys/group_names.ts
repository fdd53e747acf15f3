/** Groups of users by their names, as the system knows them: getgrnam(3). */
const symbols = {
  getgrnam: { parameters: ["buffer"], result: "pointer" },
} as const satisfies Deno.ForeignLibraryInterface;

/** struct group begins with two pointers, behind which the number stands. */
const numberOffset = 16;
const groupIdMax = 2 ** 32 - 2;

/** The number of a group that is given by name or number; null when there is no such group. */
export function groupId(group: string): number | null {
  if (/^\d{1,10}$/.test(group)) return Number(group) <= groupIdMax ? Number(group) : null;
  if (group === "" || group.includes("\0")) return null;
  const { getgrnam } = Deno.dlopen("libc.so.6", symbols).symbols;
  const found = getgrnam(new TextEncoder().encode(`${group}\0`));
  return found === null ? null : new Deno.UnsafePointerView(found).getUint32(numberOffset);
}

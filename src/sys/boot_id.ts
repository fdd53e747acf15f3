/**
 * The kernel's boot id: 36 ASCII characters that change with every boot. Two equal ones say that the
 * page cache has survived whatever happened in between. Empty where the kernel does not tell.
 */
export function bootId(): string {
  try {
    return Deno.readTextFileSync("/proc/sys/kernel/random/boot_id").trim();
  } catch {
    return "";
  }
}

/**
 * For how long this thread was ready to run while another one had its processor, as the kernel's scheduler counts it: the
 * second number of /proc/thread-self/schedstat, in nanoseconds since the thread began. Reading it takes 1 us.
 */
const path = "/proc/thread-self/schedstat\0";
/** Three numbers of at most 20 digits. */
const bytesMax = 64n;
const openReadOnly = 0;
const closeOnExec = 0o2000000;
const nanosecondsPerMicrosecond = 1000;
const zero = 48;
const nine = 57;

/** Of its own, so that tests that count or fail libc's calls are not disturbed by it. */
const symbols = {
  open: { parameters: ["buffer", "i32"], result: "i32" },
  pread: { parameters: ["i32", "pointer", "usize", "i64"], result: "isize" },
} as const satisfies Deno.ForeignLibraryInterface;

/** Opens the file at first use, and then reads it. Where the kernel does not tell: 0, always. */
let read = (): number => {
  const { open, pread } = Deno.dlopen("libc.so.6", symbols).symbols;
  const fd = open(new TextEncoder().encode(path), openReadOnly | closeOnExec);
  if (fd < 0) return (read = () => 0)();
  // A buffer of its own is never moved, so its address stays.
  const text = new Uint8Array(new ArrayBuffer(Number(bytesMax)));
  const address = Deno.UnsafePointer.of(text);
  read = () => secondNumber(text, Number(pread(fd, address, bytesMax, 0n)));
  return read();
};

function secondNumber(text: Uint8Array, length: number): number {
  let at = text.indexOf(32) + 1;
  let number = 0;
  for (; at < length && text[at] >= zero && text[at] <= nine; at++) {
    number = number * 10 + (text[at] - zero);
  }
  return number;
}

/** Microseconds, with fractions, of the thread that calls first; never less than before. 0 where the kernel does not tell. */
export function processorWaitMicroseconds(): number {
  return read() / nanosecondsPerMicrosecond;
}

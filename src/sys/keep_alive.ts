/**
 * TCP keep-alive for the clients of a listener. The runtime can only turn it on, with the kernel's two
 * hours; sockets that are accepted, though, take over what the listening socket is set to. The runtime
 * does not tell that one's descriptor, so it is looked for.
 */
const symbols = {
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

// Linux's numbers: sys/socket.h, netinet/in.h, netinet/tcp.h.
const families = { inet: 2, inet6: 10 };
const socketLevel = 1;
const socketOptions = { keepAlive: 9, acceptsConnections: 30 };
const tcpLevel = 6;
const tcpOptions = { keepIdle: 4, keepInterval: 5, keepCount: 6 };
/** Probes without an answer before the connection is given up. */
const probes = 3;
/** Descriptors are given out from the lowest: listeners are opened first. */
const descriptorsMax = 1024;

/**
 * Has the clients that listening sockets on `port` accept from now on be asked whether they live when
 * they were silent for `seconds`; 0: never. Returns how many sockets there are.
 */
export function keepClientsAlive(port: number, seconds: number): number {
  const library = Deno.dlopen("libc.so.6", symbols);
  try {
    const { getsockname, getsockopt, setsockopt } = library.symbols;
    const address = new DataView(new ArrayBuffer(128));
    const isListening = (fd: number) => {
      const length = new Uint32Array([address.byteLength]);
      if (getsockname(fd, bytesOf(address), bytesOf(length)) !== 0) return false;
      const family = address.getUint16(0, true);
      if (family !== families.inet && family !== families.inet6) return false;
      const flag = new Int32Array(1);
      const size = new Uint32Array([4]);
      const { acceptsConnections } = socketOptions;
      getsockopt(fd, socketLevel, acceptsConnections, bytesOf(flag), bytesOf(size));
      return flag[0] === 1 && address.getUint16(2, false) === port;
    };
    const set = (fd: number, level: number, option: number, value: number) =>
      setsockopt(fd, level, option, bytesOf(new Int32Array([value])), 4);
    let found = 0;
    for (let fd = 0; fd < descriptorsMax; fd++) {
      if (!isListening(fd)) continue;
      found++;
      set(fd, socketLevel, socketOptions.keepAlive, seconds > 0 ? 1 : 0);
      if (seconds === 0) continue;
      // As Redis: the first probe after the whole time, the others after a third of it each.
      set(fd, tcpLevel, tcpOptions.keepIdle, seconds);
      set(fd, tcpLevel, tcpOptions.keepInterval, Math.max(1, Math.floor(seconds / 3)));
      set(fd, tcpLevel, tcpOptions.keepCount, probes);
    }
    return found;
  } finally {
    library.close();
  }
}

function bytesOf({ buffer }: { buffer: ArrayBuffer }): Uint8Array<ArrayBuffer> {
  return new Uint8Array(buffer);
}

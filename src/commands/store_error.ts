import type { StoreError } from "../store/errors.ts";

/** What a client is told of a failed write: the codes are Redis's. */
export function describeStoreError({ code, message }: StoreError): string {
  if (code === "NO_SPACE") return `OOM ${message}`;
  return code === "SYNC_FAILED" ? `MISCONF ${message}` : `ERR ${message}`;
}

/** One of those that are compared in a row: a peer, and where its program comes from. */
import type { PeerName } from "./workload.ts";

export interface Side {
  /** The peer's name; of two checkouts, `this` and `other`. */
  readonly label: string;
  readonly peer: PeerName;
  /** The executable of kv, and the folder of its sources: of this checkout, or of another. */
  readonly kvPath: string;
  readonly root: string;
}

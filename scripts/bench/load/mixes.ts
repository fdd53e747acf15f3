/** In which proportion a load reads and writes. Shares of 1. */
export interface Mix {
  readonly get: number;
  readonly set: number;
  /** A GET, and a SET of the same key once its reply is here: two requests. */
  readonly readModifyWrite: number;
}

export const mixes = {
  get: { get: 1, set: 0, readModifyWrite: 0 },
  set: { get: 0, set: 1, readModifyWrite: 0 },
  /** The core workloads of YCSB, the Yahoo! Cloud Serving Benchmark (github.com/brianfrankcooper/YCSB). */
  ycsbA: { get: 0.5, set: 0.5, readModifyWrite: 0 },
  ycsbB: { get: 0.95, set: 0.05, readModifyWrite: 0 },
  ycsbC: { get: 1, set: 0, readModifyWrite: 0 },
  ycsbF: { get: 0.5, set: 0, readModifyWrite: 0.5 },
} as const satisfies Record<string, Mix>;

/**
 * The goals of this stage, which are short of the final targets. A goal that is missed is shown, and
 * is no failure of the benchmark.
 */

export interface Goal {
  readonly comparison: ">=" | "<=";
  readonly value: number;
}

export type Test = "set" | "get";
export type Pipeline = 1 | 16 | 64;

export const tests: readonly Test[] = ["set", "get"];
export const pipelines: readonly Pipeline[] = [1, 16, 64];

/** Requests a second of kv over those of redis-server. None for 64: that row is for information. */
const ratioGoals: Readonly<Record<Test, Readonly<Partial<Record<Pipeline, Goal>>>>> = {
  set: { 1: { comparison: ">=", value: 0.95 }, 16: { comparison: ">=", value: 1.3 } },
  get: { 1: { comparison: ">=", value: 1.0 }, 16: { comparison: ">=", value: 1.1 } },
};

/** Slots of 8 bytes in pages that are half to entirely full, and the directory. */
export const indexBytesPerKeyGoal: Goal = { comparison: "<=", value: 17 };

export function ratioGoal(test: Test, pipeline: Pipeline): Goal | undefined {
  return ratioGoals[test][pipeline];
}

export function isMet(goal: Goal, value: number): boolean {
  return goal.comparison === ">=" ? value >= goal.value : value <= goal.value;
}

/** ">= 0.95", as the goals were written. */
export function goalText(goal: Goal): string {
  const value = Number.isInteger(goal.value) && goal.value < 10
    ? goal.value.toFixed(1)
    : String(goal.value);
  return `${goal.comparison} ${value}`;
}

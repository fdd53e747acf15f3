/** Quick runs: few keys and short loads, to see in seconds that a row works. Their figures say nothing. */
import type { Dataset } from "./workload.ts";

const quickKeysMax = 20_000;
const quickBytesMax = 16 * 2 ** 20;

/** The dataset, or one of its kind that is loaded in no time. */
export function resized(dataset: Dataset, isQuick: boolean): Dataset {
  if (!isQuick) return dataset;
  const most = Math.min(quickKeysMax, Math.ceil(quickBytesMax / dataset.valueBytes));
  return { ...dataset, keys: Math.min(dataset.keys, most) };
}

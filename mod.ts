/**
 * kv as a library: a client of kv servers, and of all others that speak Redis's protocol.
 *
 * @module
 */
export {
  type CallOptions,
  KeyValueClient,
  type KeyValueClientOptions,
  type ScanOptions,
  type WatchOptions,
} from "./src/client/key_value_client.ts";
export {
  type ExpireCondition,
  type ExpiryOptions,
  type GetExOptions,
  type KeyValueArgument,
  type KeyValueCommands,
  type SetOptions,
} from "./src/client/commands.ts";
export type { ReconnectOptions } from "./src/client/reconnecting_link.ts";
export {
  KeyValueConflictError,
  KeyValueConnectionError,
  KeyValueReplyError,
} from "./src/client/errors.ts";
export {
  DoubleReply,
  ErrorReply,
  PushReply,
  type Reply,
  replyToText,
  type TextReply,
  VerbatimReply,
} from "./src/protocol/reply.ts";

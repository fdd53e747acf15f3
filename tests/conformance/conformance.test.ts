/**
 * Every command as Redis 7.0 has it, byte by byte. The same cases run over kv and, where it is
 * installed, over redis-server: that proves the expectations. What is kv's own is in
 * own_to_kv.test.ts.
 */
import { aclCases } from "./cases/acl.ts";
import { arityCases } from "./cases/arity.ts";
import { binaryCases } from "./cases/binary.ts";
import { clientControlCases } from "./cases/client_control.ts";
import { bitCases } from "./cases/bits.ts";
import { bitfieldCases } from "./cases/bitfield.ts";
import { connectionCases } from "./cases/connection.ts";
import { counterCases } from "./cases/counters.ts";
import { diagnosticCases } from "./cases/diagnostics.ts";
import { expiryCases } from "./cases/expiry.ts";
import { hyperloglogCases } from "./cases/hyperloglog.ts";
import { introspectionCases } from "./cases/introspection.ts";
import { keyCases } from "./cases/keys.ts";
import { lcsCases } from "./cases/lcs.ts";
import { monitorCases } from "./cases/monitor.ts";
import { protocolCases } from "./cases/protocol.ts";
import { pubsubCases } from "./cases/pubsub.ts";
import { resp3Cases } from "./cases/resp3.ts";
import { scanCases } from "./cases/scan.ts";
import { securityCases } from "./cases/security.ts";
import { serializedCases } from "./cases/serialized.ts";
import { serverCases } from "./cases/server.ts";
import { storedFormCases } from "./cases/stored_form.ts";
import { stringPartCases } from "./cases/string_parts.ts";
import { stringCases } from "./cases/strings.ts";
import { trackingCases } from "./cases/tracking.ts";
import { transactionCases } from "./cases/transactions.ts";
import { watchCases } from "./cases/watch.ts";
import { testConformance } from "./runner.ts";

testConformance("strings", stringCases);
testConformance("parts of strings", stringPartCases);
testConformance("bits", bitCases);
testConformance("fields of bits", bitfieldCases);
testConformance("LCS", lcsCases);
testConformance("counters", counterCases);
testConformance("keys", keyCases);
testConformance("SCAN", scanCases);
testConformance("deadlines", expiryCases);
testConformance("transactions", transactionCases);
testConformance("WATCH", watchCases);
testConformance("the connection", connectionCases);
testConformance("CLIENT on connections", clientControlCases);
testConformance("HyperLogLog", hyperloglogCases);
testConformance("DUMP and RESTORE", serializedCases);
testConformance("what is stored of a key", storedFormCases);
testConformance("passwords", securityCases);
testConformance("users", aclCases);
testConformance("messages", pubsubCases);
testConformance("keys that clients cache", trackingCases);
testConformance("MONITOR", monitorCases);
testConformance("the server", serverCases);
testConformance("what is slow", diagnosticCases);
testConformance("numbers of arguments", arityCases);
testConformance("COMMAND", introspectionCases);
testConformance("the protocol", protocolCases);
testConformance("RESP3", resp3Cases);
testConformance("binary and large keys and values", binaryCases);

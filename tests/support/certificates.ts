/** Certificates for tests of TLS, made by `openssl` in a folder. */
import { runTool } from "./real_tools.ts";
import type { TemporaryFolder } from "./temporary_folder.ts";

export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

export interface Certificates {
  /** The authority that has signed those of the server and the client, and one that has not. */
  readonly authority: CertificateFiles;
  readonly server: CertificateFiles;
  readonly client: CertificateFiles;
  readonly stranger: CertificateFiles;
  /** The server's key behind the passphrase `sesame`. */
  readonly lockedKey: string;
}

const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

/** Whoever calls it gives the folder. */
export async function makeCertificates(folder: TemporaryFolder): Promise<Certificates> {
  const openssl = async (...args: string[]) => {
    const { code, stderr } = await runTool("openssl", args);
    if (code !== 0) throw new Error(`openssl ${args.join(" ")}: ${stderr}`);
  };
  const files = (name: string): CertificateFiles => ({
    cert: folder.join(`${name}.crt`),
    key: folder.join(`${name}.key`),
  });
  const selfSigned = async (name: string) => {
    const { cert, key } = files(name);
    await openssl("req", "-x509", ...curve, "-keyout", key, "-out", cert, "-subj", `/CN=${name}`);
    return { cert, key };
  };
  const authority = await selfSigned("authority");
  const extensions = folder.join("extensions");
  await Deno.writeTextFile(extensions, "subjectAltName=DNS:localhost,IP:127.0.0.1");
  const signed = async (name: string) => {
    const { cert, key } = files(name);
    const request = folder.join(`${name}.csr`);
    await openssl("req", ...curve, "-keyout", key, "-out", request, "-subj", `/CN=${name}`);
    const by = ["-CA", authority.cert, "-CAkey", authority.key, "-CAcreateserial"];
    await openssl("x509", "-req", "-in", request, ...by, "-extfile", extensions, "-out", cert);
    return { cert, key };
  };
  const server = await signed("server");
  const lockedKey = folder.join("locked.key");
  await openssl("ec", "-in", server.key, "-aes128", "-passout", "pass:sesame", "-out", lockedKey);
  return {
    authority,
    server,
    client: await signed("client"),
    stranger: await selfSigned("stranger"),
    lockedKey,
  };
}

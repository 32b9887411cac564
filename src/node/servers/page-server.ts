/** Serves the page's files, and starts any server. */
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import sirv from 'sirv';
import { InputError } from '../../runtime/errors.ts';

export interface PageServer {
  readonly url: string;
  close(): void;
}

/** @param port 0 takes a free one @throws InputError where the port or address cannot be had */
export async function listening(server: Server, host: string, port: number): Promise<PageServer> {
  server.listen(port, host);
  await once(server, 'listening').catch((error: NodeJS.ErrnoException) => {
    throw new InputError(
      `port ${port} of ${host} cannot be had (${error.code ?? error.message}); choose another with --port`,
    );
  });
  const address = server.address();
  const taken = typeof address === 'object' && address ? address.port : port;
  return { url: `http://${host.includes(':') ? `[${host}]` : host}:${taken}/`, close: () => server.close() };
}

/** @param folder of the built page @throws as `listening` */
export function servePage(folder: string, host: string, port: number): Promise<PageServer> {
  // Browsers ask for each file every time: a page of an older version must not outlive an update.
  return listening(
    createServer(
      sirv(folder, { etag: true, setHeaders: (response) => response.setHeader('Cache-Control', 'no-cache') }),
    ),
    host,
    port,
  );
}

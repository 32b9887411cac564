/** `volsam serve`: the page, from the installed package. */
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { servePage } from '../node/page-server.ts';
import { numberFrom } from './options.ts';

export function addServe(program: Command): void {
  program.command('serve')
    .description('open the page: volumes are read and segmented in the browser, on its own GPU')
    .option('--port <number>', 'of the server; 0 takes a free one', numberFrom(0, true), 8080)
    .option('--host <address>', 'where it listens; browsers give WebGPU to localhost and to https only', '127.0.0.1')
    .action(async ({ host, port }: { host: string; port: number }) => {
      const { url } = await servePage(fileURLToPath(new URL('./web', import.meta.url)), host, port);
      console.log(`volsam is at ${url} (Ctrl-C ends it)`);
    });
}

/** Keeps what the page was made of, so that it opens without a network; with one, the server's files are taken. */

/** Of service workers only, and so not in a page's types. */
interface FetchEvent extends Event {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}
interface InstallEvent extends Event {
  waitUntil(work: Promise<unknown>): void;
}
declare const skipWaiting: () => Promise<void>;
declare const clients: { claim(): Promise<void> };

const cacheName = 'volsam page';

/** Weights are kept by the page itself, under their content's hash. */
function isKept({ url, method }: Request): boolean {
  return method === 'GET' && new URL(url).origin === location.origin && !url.endsWith('.safetensors');
}

async function answer(request: Request): Promise<Response> {
  const cache = await caches.open(cacheName);
  try {
    const response = await fetch(request);
    if (response.ok) {
      await cache.put(request, response.clone());
    }
    return response;
  } catch (error) {
    const kept = await cache.match(request);
    if (!kept) {
      throw error;
    }
    return kept;
  }
}

/** The page's own files: they were fetched before this worker could see them. */
const pageFiles = ['./', 'page.js', 'page.css', 'engine-worker.js', 'demo/phantom_ct.nii.gz', 'demo/case.json'];

addEventListener('install', (event) =>
  (event as InstallEvent).waitUntil(
    caches
      .open(cacheName)
      .then((cache) => cache.addAll(pageFiles))
      .then(skipWaiting),
  ),
);
addEventListener('activate', (event) => (event as InstallEvent).waitUntil(clients.claim()));
addEventListener('fetch', (event) => {
  const { request } = event as FetchEvent;
  if (isKept(request)) {
    (event as FetchEvent).respondWith(answer(request));
  }
});

/** The sentence for a failure: what happened, and what to do. */

/** What helps, by the error's name; errors lose their class on their way out of the worker. */
const advice: Readonly<Record<string, string>> = {
  AdapterError: 'Use a current Chrome, Edge, Safari or Firefox, and see that hardware acceleration is turned on.',
  DeviceLostError: 'Click again: the GPU is opened again, and the image and your lesions are still here.',
  InputError: '',
};

const ranOut = /out of memory|needs \d+ bytes|allocation|exceeds the max/i;

/** @returns a sentence or two for a person; null where they asked for the end themselves */
export function sentenceOf(error: unknown): string | null {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  if (name === 'AbortError') {
    return null;
  }
  const isFile = /^\S+\.\w+:/.test(message); // its name stays as it is
  const what = `${isFile ? message.charAt(0) : message.charAt(0).toUpperCase()}${message.slice(1)}${/[.!?]$/.test(message) ? '' : '.'}`;
  if (name === 'GpuError' && ranOut.test(message)) {
    return `The GPU has too little memory or too small limits for this model. ${what} Close other pages and programs that use the GPU, or take a smaller model.`;
  }
  return [what, advice[name] ?? 'Try again; if it comes back, reload the page.']
    .filter((part) => part !== '')
    .join(' ');
}

/** Files that are dropped on the page, and its keys. */

/** @param over gets whether files are held over the page */
export function listenToFiles(open: (files: Iterable<File>) => void, over: (isOver: boolean) => void): void {
  const holdsFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false;
  window.addEventListener('dragover', (event) => {
    if (holdsFiles(event)) {
      event.preventDefault();
      over(true);
    }
  });
  window.addEventListener('dragleave', ({ relatedTarget }) => {
    if (relatedTarget === null) {
      over(false);
    }
  });
  window.addEventListener('drop', (event) => {
    if (holdsFiles(event)) {
      event.preventDefault();
      over(false);
      open([...event.dataTransfer!.files]);
    }
  });
}

export interface KeyActions {
  /** Voxels to the right, to the front and to the head. */
  move(right: number, front: number, head: number): void;
  undo(): void;
  redo(): void;
  toggleMasks(): void;
  /** What a click at the crosshair does. */
  segment(): void;
}

/** Elements that have a use of their own for keys. */
const takesKeys = 'input, select, textarea, button, summary, a, [contenteditable]';

/** Up and down: axial slices; left and right: sagittal; with shift up and down: coronal; enter: segment at the crosshair. */
export function listenToKeys({ move, undo, redo, toggleMasks, segment }: KeyActions): void {
  window.addEventListener('keydown', (event) => {
    if (
      event.ctrlKey ||
      event.metaKey ||
      event.altKey ||
      (event.target instanceof Element && event.target.matches(takesKeys))
    ) {
      return;
    }
    const { key, shiftKey } = event;
    const along = (steps: number) => (shiftKey ? move(0, steps, 0) : move(0, 0, steps));
    // The screen's left is the patient's right.
    const bindings: Readonly<Record<string, () => void>> = {
      ArrowUp: () => along(1),
      ArrowDown: () => along(-1),
      ArrowLeft: () => move(1, 0, 0),
      ArrowRight: () => move(-1, 0, 0),
      u: undo,
      U: redo,
      ' ': toggleMasks,
      Enter: segment,
    };
    const bound = bindings[key];
    if (bound) {
      event.preventDefault();
      bound();
    }
  });
}

/**
 * `<volsam-viewer src="ct.nii.gz" weights="model.safetensors">`: a case in any page, and the lesion under its clicks.
 *
 * Attributes: `src` and `weights`, URLs; `preset`, one of the published ones, `kits` by default. Methods: `clear()`,
 * `save()`. Events: `volsam-lesion`, whose detail has clicks, mask and measures, and `volsam-error`, whose detail is a
 * sentence.
 */
import { proxy } from 'comlink';
import type { Click } from '../volume/clicks.ts';
import { presets } from '../volume/preset.ts';
import { createCaseView, type CaseView } from './case-view.ts';
import { connectEngine } from './connect-engine.ts';
import { fetched } from './downloads.ts';
import type { Answer } from './engine.ts';
import { sentenceOf } from './sentences.ts';

export interface LesionDetail extends Pick<Answer, 'mask' | 'measures'> {
  readonly clicks: readonly Click[];
}

const layout = `<style>
  :host { display: block; position: relative; min-height: 20rem; background: #0a0d12; }
  div { position: absolute; inset: 0; }
  canvas { width: 100%; height: 100%; }
  p { position: absolute; left: 0; right: 0; bottom: 0; margin: 0; padding: .3rem .6rem; font: 13px system-ui, sans-serif; color: #e6e9ee; background: #0a0d12cc; }
</style>
<div><canvas tabindex="0" aria-label="Three planes and a 3D view; a click in a plane segments the lesion under it"></canvas></div><p role="status"></p>`;

export class VolsamViewer extends HTMLElement {
  static readonly observedAttributes = ['src', 'weights', 'preset'];
  #connection: ReturnType<typeof connectEngine> | undefined;
  #view: CaseView | undefined;
  #lesion: LesionDetail | undefined;
  /** Attributes and clicks are dealt with one after another. */
  #last: Promise<void> = Promise.resolve();

  /** What the clicks so far have found. */
  get lesion(): LesionDetail | undefined {
    return this.#lesion;
  }

  connectedCallback(): void {
    const root = this.shadowRoot ?? this.attachShadow({ mode: 'open' });
    root.innerHTML = layout;
    this.#connection = connectEngine();
    this.#inTurn('Starting', async () => {
      this.#view = await createCaseView(root.querySelector('canvas')!, {
        clicked: (voxel) => this.#segment(voxel),
        drawn: () => undefined,
      });
    });
    VolsamViewer.observedAttributes.forEach((name) => this.#take(name));
  }

  disconnectedCallback(): void {
    this.#view?.dispose();
    this.#connection?.stop();
    this.#connection = this.#view = undefined;
  }

  attributeChangedCallback(name: string): void {
    if (this.#connection) {
      this.#take(name);
    }
  }

  /** Forgets the clicks. */
  clear(): void {
    this.#inTurn('Clearing', async () => this.#show(undefined));
  }

  /** The mask on the image's grid, as .nii.gz. @throws where there is none */
  async save(): Promise<Blob> {
    await this.#last;
    if (!this.#lesion || !this.#connection) {
      throw new Error('volsam-viewer: nothing is segmented yet');
    }
    return new Blob([
      (await this.#connection.engine.save([{ mask: this.#lesion.mask, value: 1 }])) as Uint8Array<ArrayBuffer>,
    ]);
  }

  #say(text: string): void {
    const status = this.shadowRoot!.querySelector('p')!;
    status.textContent = text;
    status.hidden = text === '';
  }

  #inTurn(what: string, doing: () => Promise<void>): void {
    this.#last = this.#last.then(async () => {
      if (!this.#connection) {
        return; // taken out of the page meanwhile
      }
      this.#say(`${what} …`);
      try {
        await doing();
        this.#say(
          this.#lesion
            ? `${this.#lesion.measures.millilitres.toFixed(2)} ml, ${this.#lesion.measures.axialDiameterMm.toFixed(1)} mm`
            : '',
        );
      } catch (error) {
        const sentence = sentenceOf(error) ?? 'Stopped.';
        this.#say(sentence);
        this.dispatchEvent(new CustomEvent('volsam-error', { detail: sentence, bubbles: true }));
      }
    });
  }

  #take(name: string): void {
    const value = this.getAttribute(name);
    if (value === null) {
      return;
    }
    const url = new URL(value, document.baseURI);
    const taking: Readonly<Record<string, () => Promise<void>>> = {
      src: () => this.#load(url),
      weights: async () =>
        void (await this.#connection!.engine.fetchWeights(
          url.href,
          proxy(() => undefined),
        )),
      preset: async () => this.#view?.setWindow(...(await this.#connection!.engine.setPreset(value)).clip),
    };
    this.#inTurn(`Reading ${name === 'src' ? 'the image' : `the ${name}`}`, taking[name]!);
  }

  async #load(url: URL): Promise<void> {
    const file = new File([await fetched(url.href)], url.pathname.split('/').at(-1)!);
    const { shown, name } = await this.#connection!.engine.loadImage([file]);
    await this.#view!.load(shown, name);
    this.#view!.setOpacity(0.6);
    this.#view!.setWindow(...presets[this.getAttribute('preset') ?? 'kits']!.clip);
    this.#show(undefined);
  }

  #segment(click: Click): void {
    this.#inTurn('Segmenting', async () => {
      const clicks = [...(this.#lesion?.clicks ?? []), click];
      const { mask, measures } = await this.#connection!.engine.segment(
        clicks,
        proxy((stage: string, share: number) => this.#say(`Segmenting: ${stage}, ${Math.round(100 * share)} %`)),
      );
      this.#show({ clicks, mask, measures });
      this.dispatchEvent(new CustomEvent('volsam-lesion', { detail: this.#lesion, bubbles: true }));
    });
  }

  #show(lesion: LesionDetail | undefined): void {
    this.#lesion = lesion;
    this.#view?.show(lesion ? [{ mask: lesion.mask, value: 1 }] : []);
  }
}

customElements.define('volsam-viewer', VolsamViewer);

/** The page as a function of its state. */
import { html, nothing, type TemplateResult } from 'lit';
import { live } from 'lit/directives/live.js';
import { benchmarkTable } from '../engine/benchmark-table.ts';
import { describeClick } from '../formats/click.ts';
import { presets } from '../volume/preset.ts';
import type { Tool } from './case-view.ts';
import { colourOf } from './colours.ts';
import type { Lesion } from './lesion-book.ts';
import type { Actions, PageState } from './page-state.ts';

const tools: Readonly<Record<Tool, string>> = { segment: 'Segment', look: 'Look', pen: 'Pen', eraser: 'Eraser' };

const mebibytes = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;

/** Takes files of any name: DICOM's often have no ending. */
function filePicker(text: string, { open }: Actions): TemplateResult {
  const picked = ({ target }: Event) => {
    const input = target as HTMLInputElement;
    open(input.files ?? []);
    input.value = '';
  };
  return html`<label class="file">${text}<input type="file" multiple @change=${picked}></label>`;
}

function header({ image, weights }: PageState): TemplateResult {
  const about = [image?.name, weights && `${weights.name}, ${(weights.parameters / 1e6).toFixed(1)} M parameters`]
    .filter((part) => part !== undefined)
    .join(' · ');
  return html`<header><h1>volsam</h1><p title=${about}>${about || 'Click a tumour. Nothing leaves this machine.'}</p></header>`;
}

function invitation(actions: Actions): TemplateResult {
  return html`<div class="drop">
    <h2>Drop a volume and weights</h2>
    <p>A CT or MR volume (NIfTI, NRRD, MetaImage, or all slices of a DICOM series) and a model (.safetensors). They are read here, in this page: the volume never leaves the machine.</p>
    <div class="row">${filePicker('Choose files', actions)}<button class="main" @click=${actions.takeDemo}>Take the demo case</button></div>
  </div>`;
}

function toolbar({ tool, opacity, history, work }: PageState, actions: Actions): TemplateResult {
  const option = (name: Tool) =>
    html`<label><input type="radio" name="tool" value=${name} .checked=${live(tool === name)} @change=${() => actions.setTool(name)}>${tools[name]}</label>`;
  return html`<div class="toolbar" role="toolbar" aria-label="Case">
    <fieldset aria-label="What a click does">${(Object.keys(tools) as Tool[]).map(option)}</fieldset>
    <button @click=${actions.undo} ?disabled=${history.past.length === 0 || work !== undefined} title="u">Undo</button>
    <button @click=${actions.redo} ?disabled=${history.future.length === 0 || work !== undefined} title="Shift+U">Redo</button>
    <label>Mask <input type="range" min="0" max="1" step="0.05" .value=${live(String(opacity))} aria-label="Opacity of the mask" @input=${(event: Event) => actions.setOpacity(Number((event.target as HTMLInputElement).value))}></label>
    <span class="soft">arrows: slices · enter: segment at the crosshair · u: undo · space: hide the mask</span>
  </div>`;
}

function lesionItem({ value, name, measures, clicks }: Lesion, isActive: boolean, actions: Actions): TemplateResult {
  const measured = measures
    ? html`${measures.millilitres.toFixed(2)} ml, ${measures.axialDiameterMm.toFixed(1)} mm, ${clicks.length} ${clicks.length === 1 ? 'click' : 'clicks'}`
    : 'click it in the image';
  return html`<li class=${isActive ? 'active' : ''}>
    <input type="radio" name="lesion" aria-label=${`Work on ${name}`} .checked=${live(isActive)} @change=${() => actions.activate(value)}>
    <span class="swatch" style=${`background: rgb(${colourOf(value).join()})`}></span>
    <input class="name" aria-label=${`Name of lesion ${value}`} .value=${live(name)} @change=${(event: Event) => actions.rename(value, (event.target as HTMLInputElement).value)}>
    <button aria-label=${`Remove ${name}`} @click=${() => actions.remove(value)}>✕</button>
    <span class="measures" title=${clicks.length > 0 ? `clicks (i, j, k): ${clicks.map(describeClick).join('; ')}` : nothing}>${measured}</span>
  </li>`;
}

function lesionsPanel(
  {
    history: {
      present: { lesions, active },
    },
    work,
    image,
  }: PageState,
  actions: Actions,
): TemplateResult {
  const isEmpty = !lesions.some(({ mask }) => mask);
  return html`<section aria-labelledby="lesions-title">
    <h2 id="lesions-title">Lesions</h2>
    <p class="soft">Volume, and the longest diameter in an axial slice, from edge to edge of its voxels.</p>
    <ul class="lesions">${lesions.map((lesion) => lesionItem(lesion, lesion.value === active, actions))}</ul>
    <div class="row"><button @click=${actions.addLesion} ?disabled=${!image || work !== undefined}>Add a lesion</button><button @click=${actions.clear} ?disabled=${isEmpty || work !== undefined}>Clear</button></div>
    <div class="row"><button class="main" @click=${actions.saveMap} ?disabled=${isEmpty}>Save label map</button><button @click=${actions.saveEach} ?disabled=${isEmpty}>Save each mask</button></div>
  </section>`;
}

function casePanel({ preset, weights }: PageState, actions: Actions): TemplateResult {
  return html`<section aria-labelledby="case-title">
    <h2 id="case-title">Case and model</h2>
    <div class="row">${filePicker('Open files', actions)}<button @click=${actions.takeDemo}>Demo</button><button @click=${actions.forgetWeights} ?disabled=${!weights}>Forget kept weights</button></div>
    <div class="row"><label>Preset <select @change=${(event: Event) => actions.setPreset((event.target as HTMLSelectElement).value)}>
      ${Object.keys(presets).map((name) => html`<option value=${name} ?selected=${name === preset}>${name}</option>`)}
    </select></label><span class="soft">how intensities were prepared</span></div>
  </section>`;
}

function teachPanel(
  { teaching: { steps, learningRate, losses, isTaught }, history, work, weights }: PageState,
  actions: Actions,
): TemplateResult {
  const isReady =
    weights !== undefined &&
    work === undefined &&
    history.present.lesions.some(({ mask }) => mask && mask.voxels.length > 0);
  const number = (event: Event) => Number((event.target as HTMLInputElement).value);
  return html`<details id="teach"><summary>Teach</summary>
    <p class="soft">Correct the mask with pen and eraser, then fine-tune the adapters on this case.</p>
    <div class="row">
      <label>Steps <input type="number" min="1" max="1000" .value=${live(String(steps))} @change=${(event: Event) => actions.setTeaching({ steps: Math.max(1, Math.round(number(event))) })}></label>
      <label>Rate <input type="number" min="0" step="0.0001" .value=${live(String(learningRate))} @change=${(event: Event) => actions.setTeaching({ learningRate: number(event) })}></label>
    </div>
    <div class="row"><button class="main" @click=${actions.teach} ?disabled=${!isReady}>Teach</button><button @click=${actions.saveTaught} ?disabled=${!isTaught}>Save trained tensors</button></div>
    <div class="chart" ?hidden=${losses.length === 0}><canvas id="losses" role="img" aria-label=${`Loss of ${losses.length} steps`}></canvas></div>
  </details>`;
}

function profilePanel({ profile, last, work }: PageState, actions: Actions): TemplateResult {
  return html`<details id="profile"><summary>Profile</summary>
    <p class="soft">Runs the last call again, kernel by kernel.</p>
    <div class="row"><button @click=${actions.profile} ?disabled=${!last || work !== undefined}>Profile last call</button><button @click=${actions.saveTrace} ?disabled=${!profile}>Save trace</button></div>
    ${profile ? html`<p class="soft">${profile.kernels.reduce((sum, { milliseconds }) => sum + milliseconds, 0).toFixed(1)} ms by ${profile.clock}; calls in brackets</p>` : nothing}
    <div class="chart" style="height: 16rem" ?hidden=${!profile}><canvas id="kernels" role="img" aria-label="Milliseconds by kernel"></canvas></div>
  </details>`;
}

function benchmarkPanel({ benchmark, work }: PageState, actions: Actions): TemplateResult {
  const table = benchmark && benchmarkTable(benchmark);
  const run = () => actions.runBenchmark(document.querySelector<HTMLSelectElement>('#benchmark select')!.value);
  return html`<details id="benchmark"><summary>Benchmark this GPU</summary>
    <p class="soft">A click, a further one and a training step with made-up weights: nothing is downloaded. ViT-B takes about a minute on a GPU, and 3.2 GiB of its memory.</p>
    <div class="row"><select aria-label="Model"><option value="vit_b">ViT-B</option><option value="tiny">tiny</option></select><button @click=${run} ?disabled=${work !== undefined}>Run</button><button @click=${actions.saveBenchmark} ?disabled=${!benchmark}>Save figures</button></div>
    ${table ? html`<table class="figures"><tr>${table.head.map((cell) => html`<th>${cell}</th>`)}</tr>${table.rows.map((cells) => html`<tr>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>`)}</table>` : nothing}
  </details>`;
}

function status({ work, note, last, readiness }: PageState, actions: Actions): TemplateResult {
  const call = last
    ? `${(last.milliseconds / 1e3).toFixed(2)} s in ${last.precision}, ${mebibytes(last.peakGpuBytes)} of GPU memory${last.encoded ? '' : ', without the encoder'}`
    : readiness === undefined
      ? ''
      : `getting ready for the first click, ${Math.round(100 * readiness)} %`;
  return html`<div class="status">
    <p role="status" aria-live="polite">${work ? work.what : note}</p>
    ${work ? html`<progress max="1" .value=${work.share ?? nothing} aria-label=${work.what}></progress>` : nothing}
    ${work?.cancellable ? html`<button @click=${actions.cancel}>Stop</button>` : nothing}
    <span class="soft" id="last-call">${call}</span>
  </div>`;
}

function errorBar(error: string | undefined, { dismissError }: Actions): TemplateResult | typeof nothing {
  return error === undefined
    ? nothing
    : html`<div class="error" role="alert"><p>${error}</p><button @click=${dismissError}>Close</button></div>`;
}

export function pageTemplate(state: PageState, actions: Actions): TemplateResult {
  return html`${header(state)}${errorBar(state.error, actions)}
  <main class=${state.isOver ? 'over' : ''}>
    <div class="case">
      <div class=${state.work ? 'stage working' : 'stage'}>
        <canvas id="case" tabindex="0" aria-label="Three planes and a 3D view of the case; a click in a plane segments the lesion under it"></canvas>
        ${state.image || state.work ? nothing : invitation(actions)}
      </div>
      ${toolbar(state, actions)}
    </div>
    <aside aria-label="Panels">${lesionsPanel(state, actions)}${casePanel(state, actions)}${teachPanel(state, actions)}${profilePanel(state, actions)}${benchmarkPanel(state, actions)}
      <p class="soft">Research software, not a medical device.</p></aside>
  </main>
  ${status(state, actions)}`;
}

/** The worker's entry: `engine`, callable from the page. */
import { expose } from 'comlink';
import { engine } from './engine.ts';

expose(engine);

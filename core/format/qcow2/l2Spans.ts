// Which L2 tables a pass has read and in which span of clusters lies what each refers to: 16 bytes a table that refers to
// anything. Images are mostly written in order, so few spans hold any one cluster.

export class L2Spans {
  #offsets = new Float64Array(64);
  #spans = new Uint32Array(128);
  #count = 0;

  add(offset: number, min: number, max: number): void {
    if (this.#count === this.#offsets.length) this.#grow();
    const at = this.#count++;
    this.#offsets[at] = offset;
    this.#spans[at * 2] = min;
    this.#spans[at * 2 + 1] = max;
  }

  /** Offsets of tables that may refer to the cluster, in the order in which they were read. */
  *candidates(cluster: number): Generator<number> {
    for (let at = 0; at < this.#count; at++) {
      if ((this.#spans[at * 2] ?? 0) > cluster || (this.#spans[at * 2 + 1] ?? 0) < cluster) continue;
      yield this.#offsets[at] ?? 0;
    }
  }

  #grow(): void {
    const [offsets, spans] = [this.#offsets, this.#spans];
    this.#offsets = new Float64Array(offsets.length * 2);
    this.#spans = new Uint32Array(spans.length * 2);
    this.#offsets.set(offsets);
    this.#spans.set(spans);
  }
}

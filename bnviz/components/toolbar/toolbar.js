// The toolbar: scenario, neuron, input, the numbers that belong to no row, undo and redo.

import { make, setAttribute, setText } from "../bnviz.common/dom.js";
import { number } from "../bnviz.common/numbers.js";

export class Toolbar {
  constructor(stage) {
    this.stage = stage;
    this.root = make("div", "bnt", stage.root);
    this.root.setAttribute("role", "group");
    this.root.setAttribute("aria-label", "Scenario and parameters");
    this.preset = this.select("Scenario");
    this.neurons = this.radios("Neuron", "neuron");
    this.inputs = this.radios("Input", "input");
    this.knobs = make("div", "bnt-knobs", this.root);
    const pair = make("div", "bnt-undo", this.root);
    this.undo = this.button(pair, "↶", "Undo", "undo");
    this.redo = this.button(pair, "↷", "Redo", "redo");
  }

  button(parent, sign, label, kind) {
    const button = make("button", "bns-button", parent, sign);
    button.type = "button";
    button.title = label;
    button.setAttribute("aria-label", label);
    button.onclick = () => this.stage.send({ kind });
    return button;
  }

  select(label) {
    const box = make("label", "bnt-field", this.root);
    make("span", "", box, label);
    const select = make("select", "bnt-select", box);
    select.onchange = () => this.stage.send({ kind: "preset", name: select.value });
    return select;
  }

  radios(label, name) {
    const box = make("fieldset", "bnt-field", this.root);
    make("legend", "", box, label);
    const choices = make("div", "bnt-choices", box);
    choices.onchange = () => {
      const chosen = choices.querySelector("input:checked");
      const { neuron, input } = this.data;
      this.stage.send({ kind: "view", neuron, input, [name]: Number(chosen.value) });
    };
    return choices;
  }

  update({ toolbar, presets, reply }) {
    this.root.hidden = !toolbar;
    if (!toolbar) return;
    this.data = toolbar;
    this.drawPreset(presets, toolbar.preset);
    this.drawRadios(this.neurons, "neuron", toolbar.k, toolbar.neuron);
    this.drawRadios(this.inputs, "input", toolbar.d, toolbar.input);
    this.undo.disabled = !reply.undo;
    this.redo.disabled = !reply.redo;
    const shape = JSON.stringify(toolbar.knobs.map((knob) => [knob.term, knob.row, knob.symbol]));
    if (shape !== this.shape) {
      this.shape = shape;
      this.buildKnobs();
    }
    this.drawKnobs();
  }

  drawPreset(presets, preset) {
    const own = preset ? [] : [{ name: "", title: "Your own numbers" }];
    const options = [...presets, ...own];
    if (this.preset.children.length !== options.length) {
      this.preset.replaceChildren();
      for (const { name, title } of options) make("option", "", this.preset, title).value = name;
    }
    this.preset.value = preset ?? "";
  }

  drawRadios(choices, name, count, chosen) {
    choices.parentElement.hidden = count < 2;
    if (choices.children.length !== count) {
      choices.replaceChildren();
      for (let i = 0; i < count; i += 1) {
        const label = make("label", "", choices);
        const radio = make("input", "", label);
        radio.type = "radio";
        radio.name = `bnt-${name}`;
        radio.value = i;
        make("span", "", label, String(i + 1));
      }
    }
    choices.querySelectorAll("input").forEach((radio, i) => {
      radio.checked = i === chosen;
    });
  }

  buildKnobs() {
    this.knobs.replaceChildren();
    this.cells = this.data.knobs.map((knob, index) => {
      const box = make("div", "bnt-knob", this.knobs);
      box.dataset.key = `knob:${knob.term}:${knob.row}`;
      make("span", "bnt-knob-symbol", box, knob.symbol);
      const shown = make("span", "bns-number", box);
      const current = () => this.data.knobs[index];
      this.stage.hold.makeSlider(box, {
        term: knob.term,
        row: knob.row,
        label: knob.name,
        value: () => current().v,
        step: () => current().step,
        reach: () => 100,
        scale: () => current().step * 100,
        log: knob.log,
        show: () => {},
        number: shown,
      });
      return { box, shown };
    });
    this.knobs.hidden = !this.data.knobs.length;
  }

  drawKnobs() {
    this.data.knobs.forEach((knob, index) => {
      const { box, shown } = this.cells[index];
      setAttribute(box, "data-knob", knob.term);
      setAttribute(box, "data-value", knob.v);
      if (this.stage.hold.shows(shown)) return;
      const text = number(knob.v, knob.term !== "eps");
      setText(shown, text);
      this.stage.hold.describe(box, knob.v, text, null);
    });
  }
}

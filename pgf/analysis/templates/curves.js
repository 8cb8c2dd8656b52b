"use strict";
{
  const choice = document.getElementById("choice").elements;
  const boxes = [...document.querySelectorAll("#legend input")];
  const numbers = document.getElementById("numbers");
  const views = {};
  let drawing = Promise.resolve();

  function cell() {
    return data.curves[Number(choice.cell.value)];
  }

  function choose() {
    choice.scale.value = data.statistics[choice.statistic.value]?.log ? "log" : "linear";
  }

  function offerStatistics() {
    const before = choice.statistic.value;
    const names = Object.keys(cell().curves);
    choice.statistic.replaceChildren(
      ...names.map((name) => element("option", data.statistics[name].label, { value: name })),
    );
    choice.statistic.value = names.includes(before) ? before : names[0] ?? "";
    choose();
  }

  // Steps -> per cent of a dense run's training FLOPs, spread evenly between two evaluations.
  function scale(recipe) {
    if (choice.axis.value === "step") return (step) => step;
    const spent = cell().spent[recipe];
    if (!spent) return () => NaN;
    return (step) => {
      const found = spent.step.findIndex((known) => known >= step);
      const next = found < 0 ? spent.step.length - 1 : Math.max(1, found);
      const [low, high] = [spent.step[next - 1], spent.step[next]];
      const [from, to] = [spent.percent[next - 1], spent.percent[next]];
      return from + ((step - low) / (high - low)) * (to - from);
    };
  }

  function rows() {
    const found = [];
    const add = (curve, recipe, series, place) => curve.step.forEach((step, i) => found.push({
      recipe, series, step, x: place(step), few: curve.step.length <= 12, mean: curve.mean[i], low: curve.low[i], high: curve.high[i],
    }));
    const own = cell().curves[choice.statistic.value] ?? {};
    for (const box of boxes) {
      if (box.checked && own[box.name]) add(own[box.name], box.name, data.labels[box.name], scale(box.name));
    }
    if (choice.axis.value === "step") {
      const papers = cell().paper[choice.statistic.value] ?? {};
      for (const [name, curve] of Object.entries(papers)) add(curve, name, data.labels[name], (step) => step);
    }
    const isLog = choice.scale.value === "log";
    return found.filter((row) => Number.isFinite(row.x) && (!isLog || row.low > 0));
  }

  function isPapers(row) {
    return row.recipe in (cell().paper[choice.statistic.value] ?? {});
  }

  function bars() {
    const found = [];
    for (const box of boxes) {
      const place = scale(box.name);
      for (const [phase, from, to] of (box.checked && cell().phases[box.name]) || []) {
        found.push({ recipe: box.name, series: data.labels[box.name], phase, from: place(from), to: place(to) });
      }
    }
    return found.filter((bar) => Number.isFinite(bar.to));
  }

  // The specs leave these pixels beside the axis, so that the bars stand below their steps.
  const PADDING = 60 + 14;

  async function show(name, spec, values, signals) {
    const source = name === "plot" ? "curves" : "phases";
    if (views[name]?.spec !== spec) {
      views[name]?.made.finalize();
      const filled = structuredClone(data.specs[spec]);
      filled.data.find((one) => one.name === source).values = values;
      for (const [key, value] of Object.entries(signals)) filled.signals.find((one) => one.name === key).value = value;
      const options = { mode: "vega", renderer: "svg", actions: false };
      views[name] = { spec, made: await vegaEmbed(`#${name}`, filled, options) };
    }
    const view = views[name].made.view;
    view.data(source, values);
    for (const [key, value] of Object.entries(signals)) view.signal(key, value);
    const room = document.getElementById("curves").clientWidth;
    if (room) await view.width(room - PADDING).runAsync();
  }

  function table(shown) {
    const names = [...new Set(shown.map((row) => row.recipe))];
    const steps = [...new Set(shown.map((row) => row.step))].sort((a, b) => a - b);
    const every = Math.ceil(steps.length / 8);
    const kept = steps.filter((_, i) => (steps.length - 1 - i) % every === 0);
    const made = element("table");
    const head = made.createTHead().insertRow();
    for (const text of ["recipe", ...kept.map((step) => `step ${step}`), "last: smallest to largest"]) {
      head.append(element("th", text, { scope: "col" }));
    }
    const body = made.createTBody();
    for (const name of names) {
      const own = shown.filter((row) => row.recipe === name);
      const last = own[own.length - 1];
      const line = body.insertRow();
      line.append(element("td", data.labels[name], { class: "text" }));
      for (const step of kept) line.append(element("td", own.find((row) => row.step === step)?.mean ?? "-"));
      line.append(element("td", `${last.low} to ${last.high}`));
    }
    return made;
  }

  async function draw() {
    const shown = rows();
    const statistic = data.statistics[choice.statistic.value]?.label ?? "no curves of this task and target";
    const title = choice.axis.value === "step" ? "step" : "training FLOPs, % of a dense run";
    const end = Math.max(1e-9, ...shown.filter((row) => !isPapers(row)).map((row) => row.x));
    document.getElementById("plotted").textContent = statistic;
    await show("plot", choice.scale.value, shown, { end, xTitle: title });
    await show("phases", "phases", bars(), { end });
    numbers.querySelector("div").replaceChildren(table(shown));
    const papers = shown.some(isPapers);
    document.getElementById("paper").textContent = papers ? " Dotted: the paper's own curves, one run each." : "";
    document.getElementById("plot").dataset.ready = shown.length;
  }

  // One after the other: two drawings at once would take each other's view.
  const redraw = () => (drawing = drawing.catch(() => {}).then(draw));
  document.getElementById("legend").addEventListener("change", redraw);
  document.getElementById("choice").addEventListener("change", (event) => {
    if (event.target.name === "cell") offerStatistics();
    if (event.target.name === "statistic") choose();
    redraw();
  });
  window.addEventListener("resize", redraw);
  offerStatistics();
  redraw();
}

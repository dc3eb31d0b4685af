// The plan viewer as an anywidget: PEV2 in a shadow root, so that its styles and JupyterLab's never meet.
import "./settings.js";
import { createApp, h } from "vue";
import { Plan } from "pev2";
import bootstrap from "bootstrap/dist/css/bootstrap.min.css";
import fontAwesome from "@fortawesome/fontawesome-svg-core/styles.css";
import tippy from "tippy.js/dist/tippy.css";
import pev2 from "pev2/dist/pev2.css";

const OWN = `
:host { all: initial; display: block; }
.plan-viewer { display: flex; flex-direction: column; height: 100%; background: #fff; color: #212529;
         font-family: system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; font-size: 14px; line-height: 1.5;
         border: 1px solid #d0d4d9; border-radius: 6px; overflow: hidden; }
.plan-viewer > * { min-height: 0; }
`;

// Tooltips are attached to the page's body, outside of any shadow root.
function styleTooltips() {
  if (document.getElementById("plan-viewer-tooltips")) return;
  const style = document.createElement("style");
  style.id = "plan-viewer-tooltips";
  style.textContent = tippy;
  document.head.append(style);
}

function render({ model, el }) {
  styleTooltips();
  const host = document.createElement("div");
  host.style.height = `${model.get("height")}px`;
  const root = host.attachShadow({ mode: "open" });
  const style = document.createElement("style");
  style.textContent = [bootstrap, fontAwesome, pev2, OWN].join("\n");
  const frame = document.createElement("div");
  frame.className = "plan-viewer";
  root.append(style, frame);
  el.append(host);
  const app = createApp({
    render: () => h(Plan, { planSource: model.get("plan"), planQuery: model.get("query") }),
  });
  app.mount(frame);
  return () => app.unmount();
}

export default { render };

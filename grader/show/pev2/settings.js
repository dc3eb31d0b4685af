// Imported first: Font Awesome reads this when it loads. Its style sheet must go into the shadow root,
// not into the page's head, where it would not reach the icons (they would fill the screen).
window.FontAwesomeConfig = { autoAddCss: false };

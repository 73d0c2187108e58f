const app = getApp();

Page({
  data: { openedFrom: '' },
  onLoad({ from }) {
    this.setData({ openedFrom: from ?? app.globalData.openedFrom });
  },
});

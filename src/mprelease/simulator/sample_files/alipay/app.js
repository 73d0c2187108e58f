App({
  globalData: { openedFrom: '' },
  onLaunch(options) {
    this.globalData.openedFrom = options.query?.from ?? 'nowhere';
  },
});

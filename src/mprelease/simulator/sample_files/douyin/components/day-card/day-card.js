Component({
  properties: {
    day: { type: Object, value: {} },
  },
  methods: {
    choose() {
      this.triggerEvent('choose', { date: this.data.day.date });
    },
  },
});

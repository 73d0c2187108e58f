Component({
  props: {
    day: {},
    onChoose() {},
  },
  methods: {
    choose() {
      this.props.onChoose(this.props.day.date);
    },
  },
});
